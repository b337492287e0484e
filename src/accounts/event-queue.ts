import { overloaded } from '../errors.ts';

interface QueueOptions {
  /** How many events may wait for the reader. */
  most: number;
  /** Called once, when the reader leaves or the queue fails. */
  onOver(): void;
}

interface Reader<Event> {
  resolve(result: IteratorResult<Event>): void;
  reject(error: Error): void;
}

export interface EventQueue<Event> {
  /** Fails with OVERLOADED where the reader has fallen too far behind. */
  push(event: Event): void;
  /** Ends with this error; what waits is dropped. */
  fail(error: Error): void;
  /** For one reader, who asks for one at a time. */
  events: AsyncIterableIterator<Event>;
}

/** Events that wait for a reader: so many, and no more. */
export function createEventQueue<Event>({ most, onOver }: QueueOptions): EventQueue<Event> {
  const waiting: Event[] = [];
  let reader: Reader<Event> | null = null;
  let failure: Error | null = null;
  let isOver = false;

  function end(): void {
    if (isOver) return;
    isOver = true;
    waiting.length = 0;
    onOver();
  }

  function fail(error: Error): void {
    if (isOver) return;
    end();
    if (reader) reader.reject(error);
    else failure = error;
    reader = null;
  }

  function push(event: Event): void {
    if (isOver) return;
    if (reader) {
      reader.resolve({ value: event, done: false });
      reader = null;
    } else if (waiting.push(event) > most) {
      fail(overloaded('Events came faster than they were read.'));
    }
  }

  async function next(): Promise<IteratorResult<Event>> {
    if (failure) {
      const error = failure;
      failure = null;
      throw error;
    }
    const event = waiting.shift();
    if (event !== undefined) return { value: event, done: false };
    if (isOver) return { value: undefined, done: true };
    return new Promise((resolve, reject) => {
      reader = { resolve, reject };
    });
  }

  const events: AsyncIterableIterator<Event> = {
    [Symbol.asyncIterator]: () => events,
    next,
    async return() {
      end();
      reader?.resolve({ value: undefined, done: true });
      reader = null;
      return { value: undefined, done: true };
    },
  };
  return { push, fail, events };
}
