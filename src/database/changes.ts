import type { PGlite } from '@electric-sql/pglite';
import * as z from 'zod';

/** The channel on which the triggers of the tables tell what has changed. */
export const CHANNEL = 'tessera_changes';

/** How often an embedded session is asked whether it still listens. */
const LOOK_MS = 500;

/** A token's row after the change, or before it was deleted: what can be known of it without asking. */
export interface TokenChange {
  table: 'Token';
  operation: 'INSERT' | 'UPDATE' | 'DELETE';
  id: string;
  userId: string;
  /** Cut to 200 characters. */
  name: string;
  kind: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  supersededAt: Date | null;
  /** Whether it was this change that put another token in its place. */
  isJustSuperseded: boolean;
}

interface UserChange {
  table: 'User';
  operation: 'UPDATE' | 'DELETE';
  id: string;
}

/** Some of the keys that access tokens are signed with. */
interface SigningKeyChange {
  table: 'SigningKey';
}

/** What somebody has changed: this server, another node, a command, or plain SQL. A null table: it may be anything. */
export type Change = TokenChange | UserChange | SigningKeyChange | { table: null };

/** Hears of what is changed in the database, by whomever. */
export interface Changes {
  /** Whether whatever was committed until half a second ago has been told. While it is false, nothing kept is true. */
  areHeard(): boolean;
  /** Told every change from now on, in the order of their commits; returns how to stop that. It must not throw. */
  subscribe(listener: (change: Change) => void): () => void;
  /** Resolves when all that was committed before the call has been told, or `areHeard` says that it is not. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** For those who only visit a database: they keep nothing that could grow old. */
export function hearNothing(): Changes {
  return { areHeard: () => false, subscribe: () => () => {}, settle: async () => {}, close: async () => {} };
}

/**
 * The changes of an embedded database, in the process that owns it: told before whoever made one has his answer. All
 * clients share its one session, so any of them can end what it listens to: by a statement, which `onUnlisten` tells, or
 * inside of a function, for which the session is asked twice a second and after every mutation.
 */
export function hearEmbedded(pglite: PGlite, onUnlisten: (listener: () => void) => void): Changes {
  const { tell, subscribe } = createAudience();
  let isHeard = false;
  let isClosed = false;
  let attempt = 0;
  // A database that cannot listen has failed, which its `onFailure` says; nothing is kept from then on.
  let listening = begin(() => pglite.listen(CHANNEL, (payload) => tell(readChange(payload)))).catch(() => {});
  onUnlisten(() => {
    listening = begin(() => pglite.exec(`LISTEN ${CHANNEL}`)).catch(() => {});
  });

  async function begin(listen: () => Promise<unknown>): Promise<void> {
    attempt += 1;
    const mine = attempt;
    isHeard = false;
    await listen();
    if (mine !== attempt || isClosed) return;
    // Before the first time nobody was told anything that could have grown old.
    if (mine > 1) tell({ table: null });
    isHeard = true;
  }

  async function look(): Promise<void> {
    await listening;
    if (isClosed) return;
    const { rows } = await pglite.query('SELECT FROM pg_listening_channels() channel WHERE channel = $1', [CHANNEL]);
    if (rows.length > 0) return;
    listening = begin(() => pglite.exec(`LISTEN ${CHANNEL}`)).catch(() => {});
    await listening;
  }

  let looking: Promise<void> | null = null;
  /** One look at a time; a database that has failed answers none. */
  function lookOnce(): Promise<void> {
    looking ??= look()
      .catch(() => {})
      .finally(() => {
        looking = null;
      });
    return looking;
  }
  const timer = setInterval(lookOnce, LOOK_MS).unref();

  return {
    areHeard: () => isHeard,
    subscribe,
    async settle() {
      // One that was under way may have looked before.
      await looking;
      await lookOnce();
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      isHeard = false;
      await looking;
      await listening;
    },
  };
}

/** Those who are told. */
export function createAudience() {
  const listeners = new Set<(change: Change) => void>();
  return {
    tell(change: Change): void {
      for (const listener of listeners) listener(change);
    },
    subscribe(listener: (change: Change) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What a notice says. One that cannot be read may mean anything: everybody who may connect can send some. */
export function readChange(payload: string): Change {
  try {
    return noticeSchema.parse(JSON.parse(payload));
  } catch {
    return { table: null };
  }
}

const instant = z.string().transform(instantOf);
const noticeSchema = z.discriminatedUnion('table', [
  z.object({
    table: z.literal('Token'),
    operation: z.enum(['INSERT', 'UPDATE', 'DELETE']),
    id: z.string(),
    userId: z.string(),
    name: z.string(),
    kind: z.string(),
    createdAt: instant,
    expiresAt: instant.nullable(),
    lastUsedAt: instant.nullable(),
    supersededAt: instant.nullable(),
    isJustSuperseded: z.boolean(),
  }),
  z.object({ table: z.literal('SigningKey') }),
  z.object({ table: z.literal('User'), operation: z.enum(['UPDATE', 'DELETE']), id: z.string() }),
]) satisfies z.ZodType<Change>;

const LATEST_MS = 8_640_000_000_000_000;

// PostgreSQL keeps times that no Date can be: infinite ones, those before our era, and years of five digits.
function instantOf(text: string): Date {
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return new Date(time);
  return new Date(text.startsWith('-') || text.endsWith('BC') ? -LATEST_MS : LATEST_MS);
}
