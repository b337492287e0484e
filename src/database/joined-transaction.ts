/** Prisma's promise of an operation that has not begun: it begins when awaited, or within the transaction asked for. */
export interface PrismaPromise<T = unknown> extends PromiseLike<T> {
  requestTransaction?(transaction: object): PromiseLike<T>;
}

interface Batch {
  kind: 'batch';
  index: number;
  lock: PromiseLike<void>;
}

type Transaction = Batch | { kind: 'itx' };

/** What a query extension's callback is called with, as far as it tells of the caller's transaction. */
export interface InTransaction {
  __internalParams?: { transaction?: Transaction };
}

interface Statements {
  before: PrismaPromise[];
  query: (params?: object) => PromiseLike<unknown>;
  after: PrismaPromise[];
}

export interface Transactor {
  $transaction(promises: PromiseLike<unknown>[], options: { timeout: number }): Promise<unknown[]>;
}

/** A single createMany has no time limit in Prisma, so neither has the transaction put around it (setTimeout's maximum). */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * The query's result, after it and the statements around it ran in one transaction: the caller's, or their own.
 * `client` is the one that is being extended, and `before` and `after` are its operations.
 */
export async function runTogether(
  client: Transactor,
  { before, query, after }: Statements,
  call: InTransaction,
): Promise<unknown> {
  // Internal: nothing public tells a query extension of the caller's transaction.
  const params = call.__internalParams;
  if (!params) throw notThisPrisma('__internalParams');
  const { transaction } = params;

  if (transaction === undefined) {
    const all = [...before, query(), ...after];
    return (await client.$transaction(all, { timeout: NO_TIMEOUT_MS }))[before.length];
  }
  if (transaction.kind === 'itx') {
    for (const statement of before) await join(statement, transaction);
    const result = await query();
    for (const statement of after) await join(statement, transaction);
    return result;
  }
  if (transaction.kind !== 'batch' || typeof transaction.lock?.then !== 'function') throw notThisPrisma('batch lock');

  // Internal: a batch is sent when its lock was awaited once by each of the caller's operations, and whoever awaits
  // is counted. So the query alone awaits it, and the statements that are added wait for the query's turn to come.
  let open: (turn: unknown) => void;
  const turn = new Promise((resolve) => {
    open = resolve;
  });
  const { lock, index } = transaction;
  const countedOnce = {
    // biome-ignore lint/suspicious/noThenProperty: Prisma awaits the lock, and its `then` is what counts.
    then(resolve: (turn: unknown) => void) {
      lock.then((opened) => {
        open(opened);
        resolve(opened);
      });
    },
  };
  const added = (statement: PrismaPromise, offset: number) =>
    join(statement, { ...transaction, index: index + offset, lock: turn });
  // The batch is sorted by index: fractions keep the added statements next to their query.
  const requests = [
    ...before.map((statement, i) => added(statement, (i - before.length) / (before.length + 1))),
    query({ ...params, transaction: { ...transaction, lock: countedOnce } }),
    ...after.map((statement, i) => added(statement, (i + 1) / (after.length + 2))),
  ];
  return (await Promise.all(requests))[before.length];
}

function join(statement: PrismaPromise, transaction: object): PromiseLike<unknown> {
  // Internal: what $transaction([…]) itself calls on each of its promises.
  if (!statement.requestTransaction) throw notThisPrisma('requestTransaction');
  return statement.requestTransaction(transaction);
}

function notThisPrisma(missing: string): Error {
  return new Error(`autoToken was written for Prisma 7.10 and does not find its ${missing}: no user was made.`);
}
