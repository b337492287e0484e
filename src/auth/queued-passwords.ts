import pLimit from 'p-limit';
import { overloaded } from '../errors.ts';
import type { Passwords } from './password.ts';

export interface PasswordQueueRules {
  /** How many passwords are worked on at once: each keeps a core busy. */
  atOnce: number;
  /** How many may wait for their turn. */
  waiting: number;
}

/** How the queue stands, and what has come of it since the start. */
export interface PasswordFigures {
  active: number;
  waiting: number;
  /** Turned away because too many waited. */
  refused: number;
  /** Usernames and passwords that let somebody in. */
  good: number;
  /** Those that did not. */
  bad: number;
}

export interface QueuedPasswords extends Passwords {
  figures(): PasswordFigures;
}

/** Until something was measured: one check at the default cost. */
const FIRST_GUESS_MS = 250;

/**
 * The same passwords, a few at a time and the next in turn, so that logins leave a core to whoever has logged in. Where
 * too many wait, both `hash` and `verify` throw RequestRefused (OVERLOADED) at once, whoever it is, with the time after
 * which there should be room.
 */
export function queuedPasswords(passwords: Passwords, { atOnce, waiting }: PasswordQueueRules): QueuedPasswords {
  const limit = pLimit(atOnce);
  let usualMs = FIRST_GUESS_MS;
  const counted = { refused: 0, good: 0, bad: 0 };

  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (limit.activeCount >= atOnce && limit.pendingCount >= waiting) {
      counted.refused += 1;
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
    noteProof(isGood) {
      counted[isGood ? 'good' : 'bad'] += 1;
    },
    figures: () => ({ active: limit.activeCount, waiting: limit.pendingCount, ...counted }),
  };
}
