import type { Database } from '../database/client.ts';
import { throttled } from '../errors.ts';

const HOUR_SECONDS = 3_600;

/**
 * Throws RequestRefused (THROTTLED) where so many tokens of this user were made within the last hour, by whatever way:
 * each leaves events behind that nobody can delete. Counted by those, on every node alike; of many at once a few more
 * may come through than are allowed.
 */
export async function refuseChurn(database: Database, userId: string, most: number): Promise<void> {
  const [last] = await database.$queryRaw<{ secondsAgo: number }[]>`
    SELECT extract(epoch FROM now() - "at")::float8 AS "secondsAgo" FROM "AuditEvent"
     WHERE "userId" = ${userId}::uuid AND "kind" = 'TOKEN_CREATED' AND "at" > now() - interval '1 hour'
     ORDER BY "id" DESC OFFSET ${most - 1} LIMIT 1`;
  if (last) throw throttled(Math.max(1, Math.ceil(HOUR_SECONDS - last.secondsAgo)));
}
