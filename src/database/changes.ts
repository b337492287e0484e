import type { PGlite } from '@electric-sql/pglite';

/** The channel on which the triggers of the tables tell what has changed. */
export const CHANNEL = 'tessera_changes';

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

/** What somebody has changed: this server, another node, a command, or plain SQL. A null table: it may be anything. */
export type Change = TokenChange | UserChange | { table: null };

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

/** The changes of an embedded database, in the process that owns it: told before whoever made one has his answer. */
export function hearEmbedded(pglite: PGlite): Changes {
  const { tell, subscribe } = createAudience();
  let isHeard = false;
  let isClosed = false;
  const listening = pglite
    .listen(CHANNEL, (payload) => tell(readChange(payload)))
    .then((unlisten) => {
      isHeard = !isClosed;
      return unlisten;
    });
  // A database that cannot listen has failed, which `onFailure` says; until then nothing is kept.
  listening.catch(() => {});
  return {
    areHeard: () => isHeard,
    subscribe,
    settle: () => listening.then(() => {}),
    async close() {
      isClosed = true;
      isHeard = false;
      await listening.then((unlisten) => unlisten()).catch(() => {});
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
    const { table, operation, ...row } = JSON.parse(payload);
    if (operation === 'TRUNCATE' || typeof row.id !== 'string') return { table: null };
    if (table === 'User') return { table, operation, id: row.id };
    if (table !== 'Token' || typeof row.userId !== 'string') return { table: null };
    const { id, userId, name, kind, createdAt, expiresAt, lastUsedAt, supersededAt, isJustSuperseded } = row;
    return {
      table,
      operation,
      id,
      userId,
      name,
      kind,
      createdAt: new Date(createdAt),
      expiresAt: instantOf(expiresAt),
      lastUsedAt: instantOf(lastUsedAt),
      supersededAt: instantOf(supersededAt),
      isJustSuperseded,
    };
  } catch {
    return { table: null };
  }
}

function instantOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
