import pLimit from 'p-limit';
import { overloaded } from '../errors.ts';
import type { Passwords } from './password.ts';

export interface PasswordQueueRules {
  /** How many passwords are worked on at once: each keeps a core busy. */
  atOnce: number;
  /** How many may wait for their turn. */
  waiting: number;
}

/** Until something was measured: one check at the default cost. */
const FIRST_GUESS_MS = 250;

/**
 * The same passwords, a few at a time and the next in turn, so that logins leave a core to whoever has logged in. Where
 * too many wait, both `hash` and `verify` throw RequestRefused (OVERLOADED) at once, whoever it is, with the time after
 * which there should be room.
 */
export function queuedPasswords(passwords: Passwords, { atOnce, waiting }: PasswordQueueRules): Passwords {
  const limit = pLimit(atOnce);
  let usualMs = FIRST_GUESS_MS;

  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (limit.activeCount >= atOnce && limit.pendingCount >= waiting) {
      const untilRoomMs = (usualMs * (limit.pendingCount + 1)) / atOnce;
      throw overloaded('Too many passwords are being checked. Try again in a moment.', Math.ceil(untilRoomMs / 1000));
    }
    return limit(async () => {
      const from = performance.now();
      try {
        return await work();
      } finally {
        usualMs += (performance.now() - from - usualMs) / 8;
      }
    });
  }

  return {
    hash: (password) => inTurn(() => passwords.hash(password)),
    verify: (password, passwordHash) => inTurn(() => passwords.verify(password, passwordHash)),
    needsRehash: passwords.needsRehash,
  };
}
