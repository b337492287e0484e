/** A stream that can be ended from outside. */
export interface Endable<Result> extends AsyncIterableIterator<Result> {
  /** Gives the reader this one more result, and then no more. */
  end(last: Result): void;
}

/** The same stream, made endable. `onOver` is called once, whoever ends it: its source, its reader, or `end`. */
export function endable<Result>(source: AsyncIterable<Result>, onOver: () => void): Endable<Result> {
  const iterator = source[Symbol.asyncIterator]();
  const readers = new Set<(result: IteratorResult<Result>) => void>();
  const over: IteratorResult<Result> = { value: undefined, done: true };
  let last: IteratorResult<Result> | null = null;
  let isOver = false;

  function finish(): void {
    if (isOver) return;
    isOver = true;
    onOver();
  }

  function leaveSource(): void {
    finish();
    // Not waited for: what is stuck in the source would keep its reader.
    iterator.return?.().catch(() => {});
    for (const reader of readers) reader(takeLast());
    readers.clear();
  }

  function takeLast(): IteratorResult<Result> {
    const taken = last ?? over;
    last = null;
    return taken;
  }

  const stream: Endable<Result> = {
    [Symbol.asyncIterator]: () => stream,
    next() {
      if (isOver) return Promise.resolve(takeLast());
      return new Promise((resolve, reject) => {
        readers.add(resolve);
        iterator.next().then(
          (result) => {
            readers.delete(resolve);
            if (result.done) finish();
            resolve(result);
          },
          (error) => {
            readers.delete(resolve);
            finish();
            reject(error);
          },
        );
      });
    },
    async return() {
      if (!isOver) leaveSource();
      last = null;
      return over;
    },
    end(value) {
      if (isOver) return;
      last = { value, done: false };
      leaveSource();
    },
  };
  return stream;
}
