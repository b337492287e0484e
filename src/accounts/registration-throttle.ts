import { networkOf } from '../auth/networks.ts';
import { UsernameTakenError } from './failures.ts';
import type { ThrottleCounters } from './throttle-counters.ts';

export interface RegistrationThrottle {
  /**
   * What `make` gives, after it has been counted for the address; null: unknown, and not counted. A username that is
   * taken counts, too: it tells that there is such a user. Nothing else that fails does.
   * Throws RequestRefused (THROTTLED) without making anything.
   */
  run<Made>(address: string | null, now: Date, make: () => Promise<Made>): Promise<Made>;
}

export function createRegistrationThrottle(counters: ThrottleCounters, mostPerAddress: number): RegistrationThrottle {
  return {
    async run(address, now, make) {
      if (address === null) return make();
      const counted = [counters.counter(['registrations from', networkOf(address)], mostPerAddress)];
      await counters.count(counted, now);
      try {
        return await make();
      } catch (error) {
        if (!(error instanceof UsernameTakenError)) await counters.takeBack(counted);
        throw error;
      }
    },
  };
}
