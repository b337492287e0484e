import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.ts';
import { type RateLimits, refuseExcess, setRateLimit } from './rate-limits.ts';
import { type Arguments, type Hooked, stopRefused } from './use-authentication.ts';
import type { RequestEntries } from './use-request-log.ts';

/** Where a credential may stand: who sends none is nobody's, and need not be looked at further. */
const CREDENTIAL_HEADERS = ['authorization', 'token', 'cookie'];

/** Counts whoever sends no credential before anything of the request is looked at, and refuses what is too much. */
export function useStrangerLimits(limits: RateLimits): Plugin {
  return {
    onParams({ request: { headers }, request, context }) {
      if (CREDENTIAL_HEADERS.some((name) => headers.has(name))) return;
      refuseExcess(limits.count(request, null, context));
    },
  };
}

/**
 * So many requests a minute from an address, and of a user; more are refused with 429, and each answer says how many
 * are left. Who sends a credential is counted when it has been judged: so that a flood of strangers keeps no user out who
 * shares their address. What was refused for its credential counts for the address.
 */
export function useRateLimits(limits: RateLimits, entries: RequestEntries): Plugin<Context> {
  function countOrStop(hooked: Hooked): void {
    const { contextValue } = hooked.args as Arguments;
    const { request, viewer } = contextValue;
    try {
      refuseExcess(limits.count(request, viewer?.user.id ?? null, contextValue));
    } catch (error) {
      stopRefused(hooked, error);
    }
  }

  return {
    onExecute: countOrStop,
    onSubscribe: countOrStop,
    onResponse({ request, response, serverContext }) {
      limits.count(request, entries.get(request)?.context?.viewer?.user.id ?? null, serverContext);
      const standing = limits.standingOf(request);
      if (standing) setRateLimit(response.headers, standing);
    },
  };
}
