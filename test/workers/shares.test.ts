import { expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { shareOf } from '../../src/workers/shares.ts';

function sharesOf(env: Record<string, string>) {
  const { config } = readConfig({ DATABASE_URL: 'postgresql://db/tessera', ...env });
  const { http, rateLimits, passwordQueue } = shareOf(config);
  const { connections, connectionsPerAddress } = http;
  return { connections, connectionsPerAddress, ...rateLimits, ...passwordQueue };
}

it('gives each worker no more than its part of what a process counts for itself', () => {
  expect(sharesOf({ WORKERS: '3', PASSWORDS_AT_ONCE: '7' })).toEqual({
    connections: 3_333,
    connectionsPerAddress: 85,
    perAddress: 400,
    perUser: 2_000,
    atOnce: 2,
    waiting: 10,
  });
});

it('gives each at least one, and shares out no limit that there is not', () => {
  const none = { MAX_CONNECTIONS_PER_ADDRESS: 'none', RATE_LIMIT_PER_ADDRESS: 'none', RATE_LIMIT_PER_USER: 'none' };
  const few = { MAX_CONNECTIONS: '2', PASSWORDS_AT_ONCE: '1', PASSWORDS_WAITING: '0' };
  expect(sharesOf({ WORKERS: '64', ...none, ...few })).toEqual({
    connections: 1,
    connectionsPerAddress: null,
    perAddress: null,
    perUser: null,
    atOnce: 1,
    waiting: 0,
  });
});
