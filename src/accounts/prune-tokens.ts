import type { TokenLifetimes } from '../auth/expiry.ts';
import type { Database } from '../database/client.ts';
import { Prisma } from '../database/generated/prisma/client.ts';
import { changedBy, NOBODY } from '../database/origin.ts';
import { isExpiredAt, isExpiredSql } from './expired.ts';

const BATCH_TOKENS = 1_000;

/** What is to go: tokens that had expired at this instant. */
interface Pruning {
  expiredAt: Date;
  lifetimes: TokenLifetimes;
}

/**
 * Removes tokens that had expired by then, batch by batch in the order of ids, and tells how many each was. A batch is
 * one statement, which waits for nobody: a row that somebody else has in hand is left for the next time.
 */
export async function* pruneTokens(database: Database, pruning: Pruning): AsyncGenerator<number> {
  let after: string | null = null;
  do {
    const { removed, lastId }: { removed: number; lastId: string | null } = await pruneBatch(database, after, pruning);
    if (lastId !== null) yield removed;
    after = lastId;
  } while (after !== null);
}

/** How many tokens pruning would remove. */
export function countPrunable(database: Database, { expiredAt, lifetimes }: Pruning): Promise<number> {
  return database.token.count({ where: isExpiredAt(expiredAt, lifetimes) });
}

async function pruneBatch(database: Database, after: string | null, { expiredAt, lifetimes }: Pruning) {
  const isAfter = after === null ? Prisma.sql`true` : Prisma.sql`t."id" > ${after}::uuid`;
  const removal = database.$queryRaw<{ removed: number; lastId: string | null }[]>`
    WITH batch AS MATERIALIZED (
      SELECT t."id" FROM "Token" t
       WHERE ${isAfter} AND ${isExpiredSql(expiredAt, lifetimes)}
       ORDER BY t."id" LIMIT ${BATCH_TOKENS}
         FOR UPDATE SKIP LOCKED
    ), removed AS (
      DELETE FROM "Token" USING batch WHERE "Token"."id" = batch."id" RETURNING 1
    )
    SELECT (SELECT count(*)::int FROM removed) AS "removed",
           (SELECT "id" FROM batch ORDER BY "id" DESC LIMIT 1) AS "lastId"`;
  const [, [row]] = await database.$transaction([changedBy(database, NOBODY, { isPruning: true }), removal]);
  if (!row) throw new Error('The pruning statement answered no row.');
  return row;
}
