import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { KINDS_WITH_LIFETIME, type TokenLifetimes } from '../auth/expiry.ts';
import type { TokenViewer, ViewerToken } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';

const MINUTE_MS = 60_000;
const WRITE_EVERY_MS = 5_000;
/** An idle life is so many times as long as what is stored may be old. */
const IDLE_SHARES = 4;
const MOST_A_STATEMENT = 1_000;
const MOST_WAITING = 100_000;
const MOST_TRIES = 3;
const NEVER = new Date(0);

interface Use {
  at: Date;
  tries: number;
}

/** When tokens were last used: noted in memory, written behind. */
export interface LastUsed {
  /** How often what is noted should be written. */
  readonly writeEveryMs: number;
  /** Notes that this token is used now: to be written once a minute, and nobody waits for it. */
  note(viewer: TokenViewer): void;
  /** Writes what has been noted. Never throws: what cannot be written waits for the next time. */
  write(): Promise<void>;
}

interface LastUsedOptions {
  database: Database;
  lifetimes: TokenLifetimes;
  log: Logger;
  now(): Date;
}

/**
 * The uses that this server notes. They live in memory, a bounded number of them, until `write` is called. Where
 * tokens end when they are idle for a few minutes, they are written oftener than once a minute: whoever reads the row
 * must not take a token for idle that is not.
 */
export function createLastUsed({ database, lifetimes, log, now }: LastUsedOptions): LastUsed {
  const idleLives = KINDS_WITH_LIFETIME.flatMap((kind) => lifetimes[kind].idleLifetimeSeconds ?? []);
  const everyMs = Math.min(MINUTE_MS, ...idleLives.map((seconds) => (seconds * 1000) / IDLE_SHARES));
  const waiting = new Map<string, Use>();
  /** The latest use of a token that was noted to be written; the token itself knows the latest of all. */
  const notedAt = new WeakMap<ViewerToken, Date>();
  let isFailing = false;

  function note({ token }: TokenViewer): void {
    const at = now();
    const waitingAt = waiting.get(token.id)?.at;
    // Looked up again, it does not know yet what is not written yet.
    const noted = waitingAt ?? notedAt.get(token) ?? token.lastUsedAt ?? NEVER;
    // Whoever is kept in memory is judged by this, long before it is written.
    if (!token.lastUsedAt || token.lastUsedAt.getTime() < at.getTime()) token.lastUsedAt = at;
    notedAt.set(token, noted);
    if (at.getTime() - noted.getTime() < everyMs) return;
    if (waiting.size >= MOST_WAITING && !waitingAt) return;
    notedAt.set(token, at);
    waiting.set(token.id, { at, tries: 0 });
  }

  async function write(): Promise<void> {
    const due = [...waiting];
    for (let from = 0; from < due.length; from += MOST_A_STATEMENT) {
      const batch = due.slice(from, from + MOST_A_STATEMENT);
      try {
        settle(batch, await writeUses(database, batch, everyMs));
        isFailing = false;
      } catch (error) {
        if (!isFailing) log.warn({ reason: (error as Error).message }, 'when tokens were used cannot be written yet');
        isFailing = true;
        return;
      }
    }
  }

  function settle(batch: [string, Use][], skipped: ReadonlySet<string>): void {
    for (const [id, use] of batch) {
      // Used again in the meantime.
      if (waiting.get(id) !== use) continue;
      use.tries += 1;
      if (!skipped.has(id) || use.tries === MOST_TRIES) waiting.delete(id);
    }
  }

  return { writeEveryMs: Math.min(WRITE_EVERY_MS, everyMs), note, write };
}

/** Writes what is noted every few seconds, and what is left when it is told to end by the function that it returns. */
export function writeBehind(lastUsed: LastUsed): () => Promise<void> {
  const ending = new AbortController();
  async function keepWriting(): Promise<void> {
    for (;;) {
      await sleep(lastUsed.writeEveryMs, undefined, { signal: ending.signal, ref: false }).catch(() => {});
      const isLast = ending.signal.aborted;
      await lastUsed.write();
      if (isLast) return;
    }
  }
  const ended = keepWriting();
  return () => {
    ending.abort();
    return ended;
  };
}

/**
 * Writes these uses in one statement: the ids of tokens that somebody else held locked, which are left out.
 * It never waits for a row, so it can be part of no deadlock; what another server has written a moment ago stays.
 */
async function writeUses(database: Database, uses: [string, Use][], everyMs: number): Promise<Set<string>> {
  const ids = uses.map(([id]) => id);
  const every = `${everyMs} milliseconds`;
  const instants = uses.map(([, { at }]) => at.toISOString());
  const skipped = await database.$queryRaw<{ id: string }[]>`
    WITH "used" AS (
      SELECT * FROM unnest(${ids}::uuid[], ${instants}::timestamptz[]) AS u("id", "at")
    ), "free" AS (
      SELECT t."id", u."at" FROM "Token" t JOIN "used" u ON u."id" = t."id"
       WHERE t."lastUsedAt" IS NULL OR t."lastUsedAt" <= u."at" - ${every}::interval
         FOR NO KEY UPDATE OF t SKIP LOCKED
    ), "written" AS (
      UPDATE "Token" t SET "lastUsedAt" = f."at" FROM "free" f WHERE t."id" = f."id"
    )
    SELECT t."id" FROM "Token" t JOIN "used" u ON u."id" = t."id"
     WHERE (t."lastUsedAt" IS NULL OR t."lastUsedAt" <= u."at" - ${every}::interval)
       AND NOT EXISTS (SELECT FROM "free" f WHERE f."id" = t."id")`;
  return new Set(skipped.map(({ id }) => id));
}
