import { createHmac, randomBytes } from 'node:crypto';
import { networkOf } from '../auth/networks.ts';
import type { Sender } from '../auth/sender.ts';
import type { LoginThrottleRules } from '../auth/throttle-rules.ts';
import { RequestRefused } from '../errors.ts';
import { InvalidCredentialsError } from './failures.ts';
import type { SparseEvents } from './sparse-events.ts';
import type { ThrottleCounters } from './throttle-counters.ts';
import { usernameKeyOf } from './username.ts';

/** Who tries to get in, and by which password. */
export interface LoginAttempt {
  username: string;
  password: string;
  /** Whose address is unknown, is not counted by it. */
  sender: Sender;
  /** Whether he holds a good credential of this user already: then what strangers do keeps him from nothing. */
  isKnown: boolean;
}

export interface LoginThrottle {
  /**
   * What `check` gives, after the attempt has been counted, in one statement: of a burst no more come through than are
   * free. It is counted as failed until `check` resolves; InvalidCredentialsError leaves it so, any other error takes
   * it back. Who asks the very same while it is being checked has the same answer, and is not counted again.
   * Throws RequestRefused (THROTTLED) without checking.
   */
  run<Proved>(attempt: LoginAttempt, now: Date, check: () => Promise<Proved>): Promise<Proved>;
  /** Told by `check` of a password that is no good, before it throws; of nobody's, alike. */
  noteFailed(userId: string | null, sender: Sender): Promise<void>;
}

interface LoginThrottleOptions {
  rules: LoginThrottleRules;
  noteThrottled: SparseEvents['loginThrottled'];
  noteFailed: SparseEvents['loginFailed'];
}

export function createLoginThrottle(
  counters: ThrottleCounters,
  { rules, noteThrottled, noteFailed }: LoginThrottleOptions,
): LoginThrottle {
  const underWay = new Map<string, Promise<unknown>>();
  const ownSecret = randomBytes(32);

  /** `users`: what a success clears. Of an address it merely does not count: whoever has one account could clear it. */
  function countersOf({ username, sender: { address }, isKnown }: LoginAttempt) {
    const user = usernameKeyOf(username);
    const network = address === null ? [] : [networkOf(address)];
    const names = isKnown
      ? [['login of somebody known', user]]
      : [['login', user], ...network.map((from) => ['login from', user, from])];
    return {
      users: names.map((name) => counters.counter(name, rules.maxFailures)),
      shared: network.map((from) => counters.counter(['logins from', from], rules.maxFailuresPerAddress)),
    };
  }

  async function countAndCheck<Proved>(attempt: LoginAttempt, now: Date, check: () => Promise<Proved>) {
    const { users, shared } = countersOf(attempt);
    const all = [...users, ...shared];
    await counters.count(all, now).catch((error) => {
      if (error instanceof RequestRefused && error.code === 'THROTTLED') {
        noteThrottled(attempt.username, attempt.sender, Number(error.extensions.retryAfterSeconds));
      }
      throw error;
    });
    try {
      const proved = await check();
      await counters.clear(users);
      await counters.takeBack(shared);
      return proved;
    } catch (error) {
      if (!(error instanceof InvalidCredentialsError)) await counters.takeBack(all);
      throw error;
    }
  }

  return {
    noteFailed,
    run<Proved>(attempt: LoginAttempt, now: Date, check: () => Promise<Proved>) {
      const { username, password, sender, isKnown } = attempt;
      const same = createHmac('sha256', ownSecret)
        .update(JSON.stringify([usernameKeyOf(username), password, sender.address, isKnown]))
        .digest('base64');
      const before = underWay.get(same) as Promise<Proved> | undefined;
      if (before) return before;
      const running = countAndCheck(attempt, now, check).finally(() => underWay.delete(same));
      underWay.set(same, running);
      return running;
    },
  };
}
