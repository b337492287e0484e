import type { TokenLifetimes } from '../auth/expiry.ts';
import { newTokenId } from '../auth/key.ts';
import { newLoginToken } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import { Prisma } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { isExpiredSql } from './expired.ts';

const BATCH_USERS = 1_000;

/** What one batch came to. */
export interface Backfilled {
  /** How many users were looked at. */
  users: number;
  /** How many tokens were made. */
  made: number;
  /** How many users got none, because a token made by hand bears the login token's name. */
  taken: number;
}

interface Row {
  lastId: string | null;
  users: number;
  made: number;
  taken: number;
}

/**
 * Gives a login token to every user who has no live one, batch by batch in the order of ids, and tells of each batch.
 * A batch is one statement, so whoever stops between or in the middle of two leaves whole batches, and can begin anew;
 * another backfill or a login at the same time makes no second token.
 */
export async function* backfillTokens(
  database: Database,
  { lifetimes, now, origin }: { lifetimes: TokenLifetimes; now: () => Date; origin: Origin },
): AsyncGenerator<Backfilled> {
  let after: string | null = null;
  do {
    const { lastId, ...batch }: Row = await backfillBatch(database, after, { lifetimes, now: now(), origin });
    if (lastId !== null) yield batch;
    after = lastId;
  } while (after !== null);
}

async function backfillBatch(
  database: Database,
  after: string | null,
  { lifetimes, now, origin }: { lifetimes: TokenLifetimes; now: Date; origin: Origin },
): Promise<Row> {
  const { kind, name, scopes } = newLoginToken();
  const ids = Array.from({ length: BATCH_USERS }, newTokenId);
  const isExpired = isExpiredSql(now, lifetimes);
  const isAfter = after === null ? Prisma.empty : Prisma.sql`WHERE "id" > ${after}::uuid`;
  // A user who is being deleted is left out, and one who is locked here cannot be deleted before his token is made.
  // An expired token that holds the name is replaced in its own row: its key is dead, as after a login.
  const backfill = database.$queryRaw<Row[]>`
    WITH batch AS (
      SELECT "id" FROM "User" ${isAfter} ORDER BY "id" LIMIT ${BATCH_USERS}
    ), lacking AS (
      SELECT u."id" FROM "User" u JOIN batch USING ("id")
       WHERE NOT EXISTS (
         SELECT FROM "Token" t WHERE t."userId" = u."id" AND t."kind" = ${kind}::"TokenKind"
            AND t."supersededAt" IS NULL AND NOT ${isExpired})
         FOR KEY SHARE OF u
    ), numbered AS (
      SELECT "id", row_number() OVER (ORDER BY "id") AS number,
             EXISTS (SELECT FROM "Token" t WHERE t."userId" = lacking."id" AND t."name" = ${name}
                        AND t."supersededAt" IS NULL AND NOT ${isExpired}) AS taken
        FROM lacking
    ), made AS (
      INSERT INTO "Token" AS t ("id", "userId", "kind", "name", "scopes", "createdAt")
      SELECT fresh."id", numbered."id", ${kind}::"TokenKind", ${name}, ${scopes}::text[], ${now}
        FROM numbered JOIN unnest(${ids}::uuid[]) WITH ORDINALITY AS fresh ("id", number) USING (number)
       WHERE NOT taken
       ORDER BY number
          ON CONFLICT ("userId", "name") WHERE "supersededAt" IS NULL
          DO UPDATE SET "id" = EXCLUDED."id", "kind" = EXCLUDED."kind", "scopes" = EXCLUDED."scopes",
                        "createdAt" = EXCLUDED."createdAt", "expiresAt" = NULL, "lastUsedAt" = NULL
             WHERE ${isExpired}
      RETURNING 1
    )
    SELECT (SELECT "id" FROM batch ORDER BY "id" DESC LIMIT 1) AS "lastId",
           (SELECT count(*)::int FROM batch) AS "users",
           (SELECT count(*)::int FROM made) AS "made",
           (SELECT count(*)::int FROM numbered WHERE taken) AS "taken"`;
  const [, [row]] = await database.$transaction([changedBy(database, origin, { isPruning: true }), backfill]);
  if (!row) throw new Error('The backfill statement answered no row.');
  return row;
}
