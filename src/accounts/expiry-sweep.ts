import { type Expiring, expiryOf, type TokenLifetimes } from '../auth/expiry.ts';
import type { Database } from '../database/client.ts';
import { Prisma } from '../database/generated/prisma/client.ts';
import { isExpiredSql } from './expired.ts';
import type { TokenEvent } from './token-event.ts';

interface SweepOptions {
  database: Database;
  lifetimes: TokenLifetimes;
  now(): Date;
  everyMs: number;
  /** Whose tokens are looked at; null: everybody's. */
  userIds(): readonly string[] | null;
  tell(event: TokenEvent): void;
}

type Row = Expiring & { id: string; userId: string; name: string };

/** Nobody writes anything when a token's time is over, so somebody must look: one query for all who want to know. */
export interface ExpirySweep {
  start(): void;
  stop(): void;
  /** That this row, whose time was over, is gone: what no sweep has told yet, none will find. */
  noteDeleted(token: Row): void;
}

/** Tells each expiry that comes while it runs, once. */
export function createExpirySweep(options: SweepOptions): ExpirySweep {
  const { database, lifetimes, now, everyMs, userIds, tell } = options;
  let timer: NodeJS.Timeout | null = null;
  let sweptTo = now();
  let isSweeping = false;
  /** Deleted while a sweep may have been reading them. */
  const told = new Set<string>();

  async function sweep(): Promise<void> {
    const to = now();
    if (isSweeping || to <= sweptTo) return;
    isSweeping = true;
    try {
      const rows = await findExpired(database, { lifetimes, from: sweptTo, to, userIds: userIds() });
      if (timer) for (const row of rows) if (!told.has(row.id)) tell(eventOf(row));
      sweptTo = to;
      told.clear();
    } catch {
      // The database is away: the next sweep covers this one's time.
    } finally {
      isSweeping = false;
    }
  }

  function eventOf(row: Row): TokenEvent {
    const { id: tokenId, userId, name } = row;
    return { kind: 'EXPIRED', tokenId, userId, name, at: expiryOf(row, lifetimes) ?? now() };
  }

  return {
    start() {
      if (timer) return;
      sweptTo = now();
      timer = setInterval(() => void sweep(), everyMs);
      timer.unref();
    },
    stop() {
      if (timer) clearInterval(timer);
      timer = null;
    },
    noteDeleted(token) {
      const event = eventOf(token);
      if (!timer || event.at <= sweptTo) return;
      told.add(token.id);
      tell(event);
    },
  };
}

interface Period {
  lifetimes: TokenLifetimes;
  from: Date;
  to: Date;
  userIds: readonly string[] | null;
}

function findExpired(database: Database, { lifetimes, from, to, userIds }: Period): Promise<Row[]> {
  const isTheirs = userIds ? Prisma.sql`t."userId" = ANY(${userIds}::uuid[])` : Prisma.sql`true`;
  return database.$queryRaw<Row[]>`
    SELECT t."id", t."userId", t."name", t."kind"::text, t."createdAt", t."expiresAt", t."lastUsedAt"
      FROM "Token" t
     WHERE ${isTheirs} AND ${isExpiredSql(to, lifetimes)} AND NOT ${isExpiredSql(from, lifetimes)}`;
}
