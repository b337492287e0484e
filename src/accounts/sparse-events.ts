import type { Logger } from 'pino';
import type { RefusedToken } from '../auth/judge-key.ts';
import { networkOf } from '../auth/networks.ts';
import { readSender, type Sender } from '../auth/sender.ts';
import type { Database } from '../database/client.ts';
import type { AuditEventKind } from '../database/generated/prisma/client.ts';
import { growingLru } from '../growing-lru.ts';
import { recordEvent } from './audit-events.ts';
import { findPastOwner } from './audit-list.ts';
import { usernameKeyOf } from './username.ts';
import { findUser } from './users.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const BETWEEN_MS = 10_000;
/** Of what is told as one, by a server: what anybody can cause must not fill the disk. */
const MOST_A_MINUTE = 60;
const MOST_REMEMBERED = 10_000;

/** What anybody can cause as often as he likes, and the audit trail tells once in a while. Nobody waits for it. */
export interface SparseEvents {
  /**
   * Told once a wait, of so many seconds, of a username and a network, and of a network once in ten seconds: its address
   * may be what is throttled, whatever the usernames.
   */
  loginThrottled(username: string, sender: Sender, seconds: number): void;
  /**
   * A key that came with a request and is no good; null: one that was never ours, which keeps none that was from being
   * told. Told once an hour, of a network.
   */
  tokenRefused(token: RefusedToken | null, sender: Sender): void;
  /** Whoever sends a password with each request has not logged in each time. Told once an hour, of a network. */
  passwordAccepted(userId: string, sender: Sender): void;
  /** A password that is no good: written before it resolves. That it could not be is for the log, not for the caller. */
  loginFailed(userId: string | null, sender: Sender): Promise<void>;
  /** Resolves when what was told before has been written, or could not be. */
  settle(): Promise<void>;
}

interface SparseOptions {
  database: Database;
  log: Logger;
  now(): Date;
}

interface Telling {
  kind: AuditEventKind;
  /** Of what it is told but once in so many milliseconds, each named as no other is. */
  times: { of: string; ms: number }[];
  /** What it is counted as; null: not counted. */
  budget: string | null;
}

export function createSparseEvents({ database, log, now }: SparseOptions): SparseEvents {
  /** Until when it need not be told again. */
  const told = growingLru<number>(MOST_REMEMBERED);
  const minutes = new Map<string, { until: number; left: number }>();
  const underWay = new Set<Promise<void>>();

  function tell({ kind, times, budget }: Telling, record: () => PromiseLike<unknown>): void {
    const at = now().getTime();
    const waits = times.map(({ of, ms }) => ({ key: `${kind} ${of}`, until: at + ms }));
    if (waits.some(({ key }) => (told.get(key) ?? 0) > at) || (budget && !hasRoom(budget, at))) return;
    for (const { key, until } of waits) told.set(key, until);
    const writing = Promise.resolve(record()).then(
      () => {},
      (error: Error) => {
        // Told when it happens again: not remembered as told.
        for (const { key } of waits) told.delete(key);
        tellMissing(kind, error);
      },
    );
    underWay.add(writing);
    writing.finally(() => underWay.delete(writing));
  }

  function tellMissing(kind: AuditEventKind, { message }: Error): void {
    log.warn({ kind, reason: message }, 'an event is missing from the audit trail');
  }

  function hasRoom(budget: string, at: number): boolean {
    const known = minutes.get(budget);
    const minute = known && known.until > at ? known : { until: at + MINUTE_MS, left: MOST_A_MINUTE };
    minutes.set(budget, minute);
    if (minute.left === 0) return false;
    minute.left -= 1;
    if (minute.left === 0)
      log.warn({ events: budget }, 'more of these within a minute are not told by the audit trail');
    return true;
  }

  return {
    loginThrottled(username, sender, seconds) {
      const from = fromWhere(sender);
      const times = [
        { of: `${from} ${usernameKeyOf(username)}`, ms: seconds * 1000 },
        { of: String(from), ms: from === null ? 0 : BETWEEN_MS },
      ];
      tell({ kind: 'LOGIN_THROTTLED', times, budget: 'throttled logins' }, async () => {
        const user = await findUser(database, username);
        await recordEvent(
          database,
          'LOGIN_THROTTLED',
          { userId: user?.id ?? null },
          { ...readSender(sender), actorId: null },
        );
      });
    },
    tokenRefused(token, sender) {
      const times = [{ of: `${token?.id ?? null} ${fromWhere(sender)}`, ms: HOUR_MS }];
      const budget = token ? 'refused tokens' : 'forged keys';
      tell({ kind: 'TOKEN_REFUSED', times, budget }, async () => {
        const userId = token && (token.userId ?? (await findPastOwner(database, token.id)));
        const subject = { userId, tokenId: token?.id ?? null };
        await recordEvent(database, 'TOKEN_REFUSED', subject, { ...readSender(sender), actorId: null });
      });
    },
    passwordAccepted(userId, sender) {
      // Each has cost a password's check, and none is to go untold.
      const times = [{ of: `${userId} ${fromWhere(sender)}`, ms: HOUR_MS }];
      tell({ kind: 'LOGIN_SUCCEEDED', times, budget: null }, () =>
        recordEvent(database, 'LOGIN_SUCCEEDED', { userId }, { ...readSender(sender), actorId: userId }),
      );
    },
    async loginFailed(userId, sender) {
      try {
        await recordEvent(database, 'LOGIN_FAILED', { userId }, { ...readSender(sender), actorId: null });
      } catch (error) {
        tellMissing('LOGIN_FAILED', error as Error);
      }
    },
    async settle() {
      await Promise.all(underWay);
    },
  };
}

function fromWhere({ address }: Sender): string | null {
  return address === null ? null : networkOf(address);
}
