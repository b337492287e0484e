import type { Config } from '../config.ts';

/**
 * The configuration of each of several workers. What a process counts in its own memory is shared out among them, so
 * that all together let through no more than one would; rounded down, but at least one each: a limit that is smaller
 * than their number is as large as that.
 */
export function shareOf(config: Config): Config {
  const { workers, http, rateLimits, passwordQueue } = config;

  function share(limit: number): number {
    return Math.max(1, Math.floor(limit / workers));
  }

  function shareIfAny(limit: number | null): number | null {
    return limit === null ? null : share(limit);
  }

  return {
    ...config,
    http: {
      ...http,
      connections: share(http.connections),
      connectionsPerAddress: shareIfAny(http.connectionsPerAddress),
    },
    rateLimits: { perAddress: shareIfAny(rateLimits.perAddress), perUser: shareIfAny(rateLimits.perUser) },
    passwordQueue: {
      atOnce: share(passwordQueue.atOnce),
      waiting: Math.floor(passwordQueue.waiting / workers),
    },
  };
}
