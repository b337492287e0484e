import type { Logger } from 'pino';
import type { TokenSecrets } from './auth/key.ts';
import type { SigningKeys } from './auth/signing-keys.ts';
import type { Changes } from './database/changes.ts';
import type { Database } from './database/client.ts';
import { ensureSigningKey, findKeptKeys, type KeptKey } from './database/signing-keys.ts';

/** Keys that are in use. */
export type OpenKeys = SigningKeys & { close(): void };

/** How long a new key is published before it signs: longer than any cache may keep the key set. */
export const PUBLISHED_AHEAD_SECONDS = 600;

/** Clocks of several servers, and the time that a token is on its way. */
const MARGIN_SECONDS = 60;
const READ_EVERY_MS = 60_000;
/** Anybody can send an id that is none: so often at most is it looked for. */
const LOOK_EVERY_MS = 1_000;

interface KeptKeysOptions {
  database: Database;
  tokenSecrets: TokenSecrets;
  changes: Changes;
  accessLifetimeSeconds: number;
  log: Logger;
  now(): Date;
}

/** Keys as they were read. */
interface ReadKeys {
  /** In the order in which they sign. */
  keys: readonly KeptKey[];
  accessLifetimeSeconds: number;
}

/** The instant until when the signatures of the key at this place count: as long as what it signed may live. Null: it signs. */
export function countsUntil({ keys, accessLifetimeSeconds }: ReadKeys, place: number): Date | null {
  const successor = keys[place + 1];
  if (!successor) return null;
  return new Date(successor.signsFrom.getTime() + (accessLifetimeSeconds + MARGIN_SECONDS) * 1000);
}

/** What keys that were read are good for, as long as they are what is kept. */
export function keptKeys(read: ReadKeys): SigningKeys {
  const { keys } = read;

  function counts(place: number, now: Date): boolean {
    const until = countsUntil(read, place);
    return until === null || now < until;
  }

  return {
    async signer(now) {
      // With one that counts no more it would sign what nobody takes.
      const able = keys.filter((_key, place) => counts(place, now)).filter(isSigner);
      // A clock that goes behind that of the server which made the first key must not keep this one from signing.
      const signer = able.findLast(({ signsFrom }) => signsFrom <= now) ?? able[0];
      if (!signer) {
        throw new Error(
          'No key that access tokens are signed with can be opened: give this server the newest TOKEN_SECRETS.',
        );
      }
      return signer;
    },
    async find(id, now) {
      const place = keys.findIndex((key) => key.id === id);
      return place !== -1 && counts(place, now) ? (keys[place] ?? null) : null;
    },
    async published(now) {
      return keys.filter((_key, place) => counts(place, now)).map(({ publicJwk }) => publicJwk);
    },
  };
}

/**
 * The keys that are kept in the database, one made if there is none. They are read again when one is changed, by
 * whomever, and when somebody sends an id that is not known.
 */
export async function openKeptKeys(options: KeptKeysOptions): Promise<OpenKeys> {
  const { database, tokenSecrets, changes, accessLifetimeSeconds, log, now } = options;
  const made = await ensureSigningKey(database, tokenSecrets, now());
  if (made !== null) log.debug({ kid: made }, 'a key that access tokens are signed with was made');
  const opened = new Map<string, KeptKey['privateKey']>();
  const complained = new Set<string>();
  let current: SigningKeys = keptKeys({ keys: [], accessLifetimeSeconds });
  let reading: Promise<void> | null = null;
  /** Whether something may have changed that has not been read. */
  let isStale = false;
  /** Why the last reading came to nothing. */
  let failure: unknown = null;
  let lookedAt = performance.now();

  async function read(): Promise<SigningKeys> {
    const found = await findKeptKeys(database, tokenSecrets);
    // Sealed anew by a server that has a newer secret, it is still the same key: while servers differ, all of them sign.
    const keys = found.map((key) => ({ ...key, privateKey: key.privateKey ?? opened.get(key.id) ?? null }));
    opened.clear();
    for (const { id, privateKey } of keys) opened.set(id, privateKey);
    const last = keys.at(-1);
    if (last && last.privateKey === null && !complained.has(last.id)) {
      complained.add(last.id);
      const when = { kid: last.id, signsFrom: last.signsFrom };
      log.error(
        when,
        'the newest signing key cannot be opened: TOKEN_SECRETS of this server lacks the secret that it is sealed with',
      );
    }
    return keptKeys({ keys, accessLifetimeSeconds });
  }

  /** What is committed before the call is found, also where a reading is under way. */
  function readAnew(): Promise<void> {
    lookedAt = performance.now();
    isStale = true;
    reading ??= (async () => {
      while (isStale) {
        isStale = false;
        current = await read();
        failure = null;
      }
    })()
      .catch((error) => {
        isStale = true;
        failure = error;
        throw error;
      })
      .finally(() => {
        reading = null;
      });
    return reading;
  }

  /** Where nothing tells of a change, a use asks for what has become of the keys; it does not wait for it. */
  function lookBehind(): void {
    const isSure = changes.areHeard() && !isStale;
    if (!isSure && !reading && performance.now() - lookedAt >= LOOK_EVERY_MS) readBehind();
  }

  function readBehind(): void {
    readAnew().catch(({ message }: Error) => log.warn({ reason: message }, 'signing keys cannot be read just now'));
  }

  const unsubscribe = changes.subscribe(({ table }) => {
    if (table === 'SigningKey' || table === null) readBehind();
  });
  try {
    await readAnew();
  } catch (error) {
    unsubscribe();
    throw error;
  }
  const timer = setInterval(readBehind, READ_EVERY_MS).unref();

  return {
    signer(at) {
      lookBehind();
      return current.signer(at);
    },
    async find(id, at) {
      lookBehind();
      const found = await current.find(id, at);
      if (found) return found;
      if (reading) await reading;
      else if (performance.now() - lookedAt >= LOOK_EVERY_MS) await readAnew();
      // That it is none of the keys is not known: it may be one that could not be read.
      else if (failure !== null) throw failure;
      return current.find(id, at);
    },
    published: (at) => current.published(at),
    close() {
      unsubscribe();
      clearInterval(timer);
    },
  };
}

function isSigner(key: KeptKey): key is KeptKey & { privateKey: NonNullable<KeptKey['privateKey']> } {
  return key.privateKey !== null;
}
