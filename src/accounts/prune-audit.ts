import type { Database } from '../database/client.ts';
import { leastIdAt } from './audit-list.ts';

const BATCH_EVENTS = 1_000;

/**
 * Removes events from before this instant, batch by batch from the oldest on, and tells how many each was. Those of the
 * last 7 days, by the database's clock, stay whatever is asked: a trigger keeps them.
 */
export async function* pruneAudit(database: Database, before: Date): AsyncGenerator<number> {
  const end = leastIdAt(before.getTime());
  for (;;) {
    const removed = await database.$executeRaw`
      DELETE FROM "AuditEvent" WHERE "id" IN (
        SELECT "id" FROM "AuditEvent" WHERE "id" < ${end}::uuid AND "at" < least(${before}, now() - interval '7 days') ORDER BY "id" LIMIT ${BATCH_EVENTS}
           FOR UPDATE SKIP LOCKED)`;
    if (removed === 0) return;
    yield removed;
  }
}

/** How many events pruning would remove. */
export function countPrunableEvents(database: Database, before: Date): Promise<number> {
  return database.auditEvent.count({ where: { id: { lt: leastIdAt(before.getTime()) }, at: { lt: before } } });
}
