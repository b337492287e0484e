import type { Database } from '../database/client.ts';
import type { AuditEvent, AuditEventKind, Prisma } from '../database/generated/prisma/client.ts';

/** Which events are meant; left out, all. */
export interface AuditFilter {
  userId?: string | undefined;
  kind?: AuditEventKind | undefined;
}

interface AuditSlice extends AuditFilter {
  /** Events that are older than the one of this id. */
  after?: string | undefined;
  /** Events that are newer. */
  before?: string | undefined;
  limit: number;
  /** From the end: the oldest first. */
  isReversed: boolean;
}

/** Events from the newest on: their ids are in the order of time. An id need not be that of an event that still is. */
export function listEvents(database: Database, slice: AuditSlice): Promise<AuditEvent[]> {
  const { after, before, limit, isReversed, ...filter } = slice;
  return database.auditEvent.findMany({
    where: { AND: [whereOf(filter), after ? { id: { lt: after } } : {}, before ? { id: { gt: before } } : {}] },
    orderBy: { id: isReversed ? 'asc' : 'desc' },
    take: limit,
  });
}

export function findEvent(database: Database, id: string): Promise<AuditEvent | null> {
  return database.auditEvent.findUnique({ where: { id } });
}

/** Whose the token was, as far as the trail knows: its row may be gone. */
export async function findPastOwner(database: Database, tokenId: string): Promise<string | null> {
  const event = await database.auditEvent.findFirst({
    where: { tokenId, userId: { not: null } },
    orderBy: { id: 'desc' },
    select: { userId: true },
  });
  return event?.userId ?? null;
}

/** An event, with the names of those whom it is about, as far as they still are. */
export interface NamedEvent extends AuditEvent {
  username: string | null;
  actorName: string | null;
}

/** The newest events, in the order in which they happened. */
export async function newestEvents(database: Database, filter: AuditFilter, limit: number): Promise<NamedEvent[]> {
  const newest = await listEvents(database, { ...filter, limit, isReversed: false });
  return withNames(database, newest.reverse());
}

/** For how long a transaction may be under way: what it tells of is older than what is seen before it ends. */
const LATE_MS = 60_000;
const MOST_AT_ONCE = 1_000;

/** Those events that come from now on: each call gives those that have come since the one before. */
export async function followEvents(database: Database, filter: AuditFilter) {
  let since = minusMs(await newId(database), LATE_MS);
  const seen = new Set<string>();
  await lookAgain();

  /** What was not seen before, and is from now on. */
  async function lookAgain(): Promise<AuditEvent[]> {
    const until = await newId(database);
    const fresh: AuditEvent[] = [];
    for (let before: string | undefined = since; before !== undefined; ) {
      const rows = await listEvents(database, { ...filter, before, limit: MOST_AT_ONCE, isReversed: true });
      fresh.push(...rows.filter(({ id }) => !seen.has(id)));
      before = rows[MOST_AT_ONCE - 1]?.id;
    }
    skip(fresh);
    since = minusMs(until, LATE_MS);
    for (const id of seen) if (id < since) seen.delete(id);
    return fresh;
  }

  function skip(events: readonly AuditEvent[]): void {
    for (const { id } of events) seen.add(id);
  }

  return {
    /** Not to be given again: they have been shown already. */
    skip,
    next: async (): Promise<NamedEvent[]> => withNames(database, await lookAgain()),
  };
}

function whereOf({ userId, kind }: AuditFilter): Prisma.AuditEventWhereInput {
  return { ...(userId !== undefined && { userId }), ...(kind !== undefined && { kind }) };
}

async function withNames(database: Database, events: AuditEvent[]): Promise<NamedEvent[]> {
  const ids = events.flatMap(({ userId, actorId }) => [userId, actorId]).filter((id) => id !== null);
  const users = ids.length > 0 ? await database.user.findMany({ where: { id: { in: [...new Set(ids)] } } }) : [];
  const names = new Map(users.map(({ id, username }) => [id, username]));
  const nameOf = (id: string | null) => (id === null ? null : (names.get(id) ?? null));
  return events.map((event) => ({ ...event, username: nameOf(event.userId), actorName: nameOf(event.actorId) }));
}

/** The id that an event would have now: by the clock of the database, and of no other machine. */
async function newId(database: Database): Promise<string> {
  const [row] = await database.$queryRaw<{ id: string }[]>`SELECT tessera_event_id() AS "id"`;
  if (!row) throw new Error('The database made no id.');
  return row.id;
}

/** The least id of so many milliseconds before: a UUID of version 7 begins with its time. */
function minusMs(id: string, ms: number): string {
  const at = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return leastIdAt(at - ms);
}

/** The least id that an event of this instant, in milliseconds, may have. */
export function leastIdAt(at: number): string {
  const digits = at.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}
