import { createHmac } from 'node:crypto';
import type { TokenSecrets } from '../auth/key.ts';
import type { WaitRules } from '../auth/throttle-rules.ts';
import type { Database } from '../database/client.ts';
import { Prisma } from '../database/generated/prisma/client.ts';
import { throttled } from '../errors.ts';

export interface Counter {
  /** A digest of whom or what it counts. */
  key: Buffer;
  /** So many attempts are free; then each further one has to wait. */
  most: number;
}

export type ThrottleCounters = ReturnType<typeof createThrottleCounters>;

/** Longer waits than 2 ** 30 seconds are not asked for; PostgreSQL should not reckon with them. */
const MOST_DOUBLINGS = 30;

const DOMAIN = 'tessera throttle v1';

/**
 * Attempts that all nodes count together, in the database: after so many free ones each has to wait, longer each time.
 * They fade, as many as are free in the time after which all are forgotten: what people mistype by and by adds up to nothing.
 * The secret keeps what is counted from whoever reads the table.
 */
export function createThrottleCounters(
  database: Database,
  [secret]: TokenSecrets,
  { longestWaitSeconds, forgottenAfterSeconds }: WaitRules,
) {
  /** What counts the attempts at something, by its name in as many parts as it has. */
  function counter(name: readonly string[], most: number): Counter {
    return {
      key: createHmac('sha256', secret)
        .update(`${DOMAIN} ${JSON.stringify(name)}`)
        .digest(),
      most,
    };
  }

  /** Counts the attempt at every counter, or at none. Throws RequestRefused (THROTTLED). */
  async function count(counters: readonly Counter[], now: Date): Promise<void> {
    const forgottenBefore = new Date(now.getTime() - forgottenAfterSeconds * 1000);
    const isForgotten = Prisma.sql`t."countedAt" <= ${forgottenBefore}`;
    const most = Prisma.sql`(SELECT "most" FROM asked WHERE asked."key" = t."key")`;
    const faded = Prisma.sql`greatest(0, extract(epoch FROM ${now}::timestamptz - t."countedAt"))::float8 * ${most} / ${forgottenAfterSeconds}::float8`;
    const attempts = Prisma.sql`CASE WHEN ${isForgotten} THEN 1 ELSE greatest(0, t."attempts" - ${faded}) + 1 END`;
    // A row that another holds is waited for, and then read as he leaves it; one that another makes meanwhile is met by
    // the insert, which asks again whether it is free.
    const counted = await database.$queryRaw<{ key: Uint8Array }[]>`
      WITH asked ("key", "most") AS (VALUES ${rowsOf(counters)}),
      held AS MATERIALIZED (
        SELECT t."freeAt" FROM "ThrottleCounter" t JOIN asked USING ("key") ORDER BY t."key" FOR UPDATE OF t
      )
      INSERT INTO "ThrottleCounter" AS t ("key", "attempts", "freeAt", "countedAt")
      SELECT asked."key", 1, ${freeAt(Prisma.sql`1`, Prisma.sql`asked."most"`, now)}, ${now}
        FROM asked WHERE NOT EXISTS (SELECT FROM held WHERE held."freeAt" > ${now})
       ORDER BY asked."key"
          ON CONFLICT ("key") DO UPDATE
         SET "attempts" = ${attempts}, "countedAt" = ${now}, "freeAt" = ${freeAt(attempts, most, now)}
       WHERE t."freeAt" <= ${now}
      RETURNING t."key"`;
    if (counted.length === counters.length) return;
    const keys = new Set(counted.map(({ key }) => Buffer.from(key).toString('hex')));
    await takeBack(counters.filter(({ key }) => keys.has(key.toString('hex'))));
    throw throttled(await secondsUntilFree(counters, now));
  }

  function freeAt(attempts: Prisma.Sql, most: Prisma.Sql, now: Date): Prisma.Sql {
    // Five within a minute are five, though the first has faded a little.
    const whole = Prisma.sql`round(${attempts})`;
    // Free from long ago: another attempt under way may have begun, by its clock, a little before.
    return Prisma.sql`CASE WHEN ${whole} < ${most} THEN 'epoch'::timestamptz ELSE ${now}::timestamptz + interval '1 second'
      * least(power(2, least(${whole} - ${most}, ${MOST_DOUBLINGS})), ${longestWaitSeconds}::float8) END`;
  }

  async function secondsUntilFree(counters: readonly Counter[], now: Date): Promise<number> {
    const [row] = await database.$queryRaw<{ freeAt: Date | null }[]>`
      SELECT max("freeAt") AS "freeAt" FROM "ThrottleCounter" WHERE "key" IN (${Prisma.join(counters.map(({ key }) => key))})`;
    const ms = (row?.freeAt?.getTime() ?? 0) - now.getTime();
    // Free again by now: somebody else has got in. One second is the shortest wait that HTTP can tell.
    return Math.max(1, Math.ceil(ms / 1000));
  }

  /** Undoes `count`, wherever what was counted did not come about. */
  async function takeBack(counters: readonly Counter[]): Promise<void> {
    if (counters.length === 0) return;
    await database.$executeRaw`
      WITH asked ("key", "most") AS (VALUES ${rowsOf(counters)}),
      held AS MATERIALIZED (
        SELECT t."key", asked."most" FROM "ThrottleCounter" t JOIN asked USING ("key") ORDER BY t."key" FOR UPDATE OF t
      )
      UPDATE "ThrottleCounter" t
         SET "attempts" = greatest(t."attempts" - 1, 0),
             "freeAt" = CASE WHEN round(t."attempts" - 1) < held."most" THEN 'epoch'::timestamptz ELSE t."freeAt" END
        FROM held WHERE t."key" = held."key"`;
  }

  /** Forgets all that was counted. */
  async function clear(counters: readonly Counter[]): Promise<void> {
    await database.$executeRaw`
      DELETE FROM "ThrottleCounter" WHERE "key" IN (${Prisma.join(counters.map(({ key }) => key))})`;
  }

  return { counter, count, takeBack, clear };
}

/** Removes what counts no more. */
export async function pruneThrottleCounters(
  database: Database,
  { forgottenAfterSeconds }: WaitRules,
  now: Date,
): Promise<void> {
  const forgottenBefore = new Date(now.getTime() - forgottenAfterSeconds * 1000);
  await database.throttleCounter.deleteMany({ where: { countedAt: { lte: forgottenBefore }, freeAt: { lte: now } } });
}

function rowsOf(counters: readonly Counter[]): Prisma.Sql {
  return Prisma.join(counters.map(({ key, most }) => Prisma.sql`(${key}::bytea, ${most}::int)`));
}
