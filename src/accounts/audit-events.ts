import type { Database } from '../database/client.ts';
import type { AuditEventKind } from '../database/generated/prisma/client.ts';
import type { Origin } from '../database/origin.ts';

/** Whom an event is about. */
interface Subject {
  /** Null: nobody who is known. */
  userId: string | null;
  tokenId?: string | null;
}

/**
 * A row of the audit trail, for what changes none that the database itself tells of; in a transaction, beside what it
 * tells of.
 */
export function recordEvent(
  database: Pick<Database, 'auditEvent'>,
  kind: AuditEventKind,
  { userId, tokenId = null }: Subject,
  { actorId, address, userAgent, requestId }: Origin,
) {
  const data = { kind, userId, tokenId, actorId, address, userAgent, requestId };
  return database.auditEvent.create({ data, select: { id: true } });
}
