import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { RefusedToken } from '../auth/judge-key.ts';
import { networkOf } from '../auth/networks.ts';
import type { Sender } from '../auth/sender.ts';
import type { Database } from '../database/client.ts';
import type { AuditEventKind } from '../database/generated/prisma/client.ts';
import { recordEvent } from './audit-events.ts';
import { findUser } from './users.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Of a kind, by a server: what anybody can cause must not fill the disk. */
const MOST_A_MINUTE = 60;
const MOST_REMEMBERED = 10_000;

/** What anybody can cause as often as he likes, and the audit trail tells once in a while. Nobody waits for it. */
export interface SparseEvents {
  /** Told once a wait, of so many seconds. */
  loginThrottled(username: string, sender: Sender, seconds: number): void;
  /** A key that came with a request and is no good; null: one that was never ours. Told once an hour, of a network. */
  tokenRefused(token: RefusedToken | null, sender: Sender): void;
  /** Whoever sends a password with each request has not logged in each time. Told once an hour, of a network. */
  passwordAccepted(userId: string, sender: Sender): void;
  /** Resolves when what was told before has been written, or could not be. */
  settle(): Promise<void>;
}

interface SparseOptions {
  database: Database;
  log: Logger;
  now(): Date;
}

export function createSparseEvents({ database, log, now }: SparseOptions): SparseEvents {
  /** Until when it need not be told again. */
  const told = new LRUCache<string, number>({ max: MOST_REMEMBERED });
  const minutes = new Map<AuditEventKind, { until: number; left: number }>();
  const underWay = new Set<Promise<void>>();

  function tell(kind: AuditEventKind, parts: (string | null)[], ms: number, record: () => PromiseLike<unknown>): void {
    const at = now().getTime();
    const key = JSON.stringify([kind, ...parts]);
    if ((told.get(key) ?? 0) > at || !hasRoom(kind, at)) return;
    told.set(key, at + ms);
    const writing = Promise.resolve(record()).then(
      () => {},
      (error: Error) => {
        // Told when it happens again: not remembered as told.
        told.delete(key);
        log.warn({ kind, reason: error.message }, 'an event is missing from the audit trail');
      },
    );
    underWay.add(writing);
    writing.finally(() => underWay.delete(writing));
  }

  function hasRoom(kind: AuditEventKind, at: number): boolean {
    const known = minutes.get(kind);
    const minute = known && known.until > at ? known : { until: at + MINUTE_MS, left: MOST_A_MINUTE };
    minutes.set(kind, minute);
    if (minute.left === 0) return false;
    minute.left -= 1;
    if (minute.left === 0) log.warn({ kind }, 'more of these within a minute are not told by the audit trail');
    return true;
  }

  return {
    loginThrottled(username, sender, seconds) {
      tell('LOGIN_THROTTLED', [username, fromWhere(sender)], seconds * 1000, async () => {
        const user = await findUser(database, username);
        await recordEvent(database, 'LOGIN_THROTTLED', { userId: user?.id ?? null }, { ...sender, actorId: null });
      });
    },
    tokenRefused(token, sender) {
      const subject = { userId: token?.userId ?? null, tokenId: token?.id ?? null };
      tell('TOKEN_REFUSED', [subject.tokenId, fromWhere(sender)], HOUR_MS, () =>
        recordEvent(database, 'TOKEN_REFUSED', subject, { ...sender, actorId: null }),
      );
    },
    passwordAccepted(userId, sender) {
      tell('LOGIN_SUCCEEDED', [userId, fromWhere(sender)], HOUR_MS, () =>
        recordEvent(database, 'LOGIN_SUCCEEDED', { userId }, { ...sender, actorId: userId }),
      );
    },
    async settle() {
      await Promise.all(underWay);
    },
  };
}

function fromWhere({ address }: Sender): string | null {
  return address === null ? null : networkOf(address);
}
