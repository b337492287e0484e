import { LRUCache } from 'lru-cache';
import { networkOf } from '../auth/networks.ts';
import type { Config } from '../config.ts';
import { throttled } from '../errors.ts';
import type { AddressOf } from './address.ts';
import { nodeRequestOf } from './node-request.ts';
import { perRequest } from './per-request.ts';

export type RateLimitRules = Config['rateLimits'];

/** How a caller stands with the limit that holds for him. */
export interface Standing {
  policy: 'address' | 'user';
  limit: number;
  /** So many more are let through in this window; below zero, when too many have come. */
  remaining: number;
  /** Until the window ends. */
  seconds: number;
}

interface Window {
  count: number;
  endsAt: number;
}

const WINDOW_SECONDS = 60;

/** Who is counted at once, at most, of either kind: past that, whoever came longest ago begins anew. */
const MOST_COUNTED = 100_000;

interface RateLimitParts {
  addressOf: AddressOf;
  /** In milliseconds. */
  now(): number;
}

/** Counts requests on this node, by the minute. */
export function createRateLimits({ perAddress, perUser }: RateLimitRules, { addressOf, now }: RateLimitParts) {
  const counted = perRequest<Standing | null>();
  const addresses = new LRUCache<string, Window>({ max: MOST_COUNTED });
  const users = new LRUCache<string, Window>({ max: MOST_COUNTED });

  function count(windows: LRUCache<string, Window>, key: string): Window {
    const at = now();
    let window = windows.get(key);
    if (!window || window.endsAt <= at) {
      window = { count: 0, endsAt: at + WINDOW_SECONDS * 1000 };
      windows.set(key, window);
    }
    window.count++;
    return window;
  }

  function standingOf(policy: Standing['policy'], limit: number, { count, endsAt }: Window): Standing {
    return { policy, limit, remaining: limit - count, seconds: Math.max(1, Math.ceil((endsAt - now()) / 1000)) };
  }

  function standingFor(userId: string | null, serverContext: object): Standing | null {
    if (userId !== null) return perUser === null ? null : standingOf('user', perUser, count(users, userId));
    if (perAddress === null) return null;
    const address = addressOf(nodeRequestOf(serverContext));
    return address === null ? null : standingOf('address', perAddress, count(addresses, networkOf(address)));
  }

  return {
    /**
     * Counts the request, once, for this user or, where nobody is known, for where it comes from; null: no limit holds.
     * Null for what was counted already.
     */
    count(request: Request, userId: string | null, serverContext: object): Standing | null {
      if (counted.get(request) !== undefined) return null;
      const standing = standingFor(userId, serverContext);
      counted.set(request, standing);
      return standing;
    },
    /** As what the request was counted. */
    standingOf: (request: Request) => counted.get(request) ?? null,
  };
}

export type RateLimits = ReturnType<typeof createRateLimits>;

/** Throws RequestRefused (THROTTLED) when too many have come. */
export function refuseExcess(standing: Standing | null): void {
  if (standing && standing.remaining < 0) throw throttled(standing.seconds);
}

/** Source: draft-ietf-httpapi-ratelimit-headers-10. */
export function rateLimitHeaders({ policy, limit, remaining, seconds }: Standing): [string, string][] {
  return [
    ['RateLimit-Policy', `"${policy}";q=${limit};w=${WINDOW_SECONDS}`],
    ['RateLimit', `"${policy}";r=${Math.max(0, remaining)};t=${seconds}`],
  ];
}
