import type { LRUCache } from 'lru-cache';
import { networkOf } from '../auth/networks.ts';
import type { Config } from '../config.ts';
import { throttled } from '../errors.ts';
import { growingLru } from '../growing-lru.ts';
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
  const addresses = growingLru<Window>(MOST_COUNTED);
  const users = growingLru<Window>(MOST_COUNTED);

  function count(windows: LRUCache<string, Window>, key: string, at: number): Window {
    let window = windows.get(key);
    if (!window || window.endsAt <= at) {
      window = { count: 0, endsAt: at + WINDOW_SECONDS * 1000 };
      windows.set(key, window);
    }
    window.count++;
    return window;
  }

  function standingIn(policy: Standing['policy'], limit: number, key: string): Standing {
    const at = now();
    const { count: come, endsAt } = count(policy === 'user' ? users : addresses, key, at);
    return { policy, limit, remaining: limit - come, seconds: Math.max(1, Math.ceil((endsAt - at) / 1000)) };
  }

  function standingFor(userId: string | null, serverContext: object): Standing | null {
    if (userId !== null) return perUser === null ? null : standingIn('user', perUser, userId);
    if (perAddress === null) return null;
    const address = addressOf(nodeRequestOf(serverContext));
    return address === null ? null : standingIn('address', perAddress, networkOf(address));
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

/** The headers by which an answer says so. Source: draft-ietf-httpapi-ratelimit-headers-10. */
export function setRateLimit(headers: Pick<Headers, 'set'>, { policy, limit, remaining, seconds }: Standing): void {
  headers.set('RateLimit-Policy', `"${policy}";q=${limit};w=${WINDOW_SECONDS}`);
  headers.set('RateLimit', `"${policy}";r=${Math.max(0, remaining)};t=${seconds}`);
}
