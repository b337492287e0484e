import { OperatorError } from '../errors.ts';

/** What one process says to another: it asks for something by name, or answers what it was asked. */
type Message =
  | { tessera: 'ask'; id: number; name: string; about: unknown }
  | { tessera: 'answer'; id: number; answer: unknown }
  | { tessera: 'failure'; id: number; message: string; isExpected: boolean };

type Answers = Record<string, (about: never) => unknown>;

interface Asked {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export interface Calls {
  /** What the other process answers. Rejects as its work there has: with an OperatorError, or a plain Error. */
  ask<Answer>(name: string, about?: unknown): Promise<Answer>;
  /** Takes what the other process has sent. */
  hear(message: unknown): void;
  /** Nothing will be answered any more. */
  end(error: Error): void;
}

/** Two processes that ask each other, over whatever carries messages. */
export function createCalls(send: (message: Message) => void, answers: Answers): Calls {
  const asked = new Map<number, Asked>();
  let lastId = 0;
  let ended: Error | null = null;

  async function answer({ id, name, about }: Message & { tessera: 'ask' }): Promise<void> {
    try {
      send({ tessera: 'answer', id, answer: await answers[name]?.(about as never) });
    } catch (error) {
      const { message } = error as Error;
      send({ tessera: 'failure', id, message, isExpected: error instanceof OperatorError });
    }
  }

  /** Who asked, who is told no second time. */
  function take(id: number): Asked | undefined {
    const one = asked.get(id);
    asked.delete(id);
    return one;
  }

  return {
    ask<Answer>(name: string, about?: unknown) {
      if (ended) return Promise.reject(ended);
      const id = ++lastId;
      return new Promise<Answer>((resolve, reject) => {
        asked.set(id, { resolve: resolve as Asked['resolve'], reject });
        send({ tessera: 'ask', id, name, about });
      });
    },
    hear(message) {
      if (!isMessage(message)) return;
      if (message.tessera === 'ask') return void answer(message);
      if (message.tessera === 'answer') return take(message.id)?.resolve(message.answer);
      const { message: text, isExpected } = message;
      take(message.id)?.reject(isExpected ? new OperatorError(text) : new Error(text));
    },
    end(error) {
      ended = error;
      for (const id of [...asked.keys()]) take(id)?.reject(error);
    },
  };
}

function isMessage(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'tessera' in message;
}
