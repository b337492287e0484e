import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { print } from 'graphql';
import { GraphQLClient } from 'graphql-request';
import { createClient } from 'graphql-sse';
import { Client, fetchExchange } from 'urql';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordSecrets } from '../recorder.ts';
import { openWorld, PASSWORD } from '../world.ts';
import { MeDocument, type MeQuery } from './generated/graphql.ts';
import { createPairClient, type PairSession, type TokenPair } from './pair.ts';

const world = await openWorld();
const server = createServer(world.endpoint).listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;

const MINUTE = 60_000;
const wait = (ms: number) => {
  world.clock.now = new Date(world.clock.now.getTime() + ms);
};

const { fetch } = globalThis;
let refreshes = 0;
/** What happens to the answer of the next refresh. */
let onAnswer: () => void | Promise<void> = () => {};

beforeEach(() => {
  refreshes = 0;
  onAnswer = () => {};
  vi.useFakeTimers({ toFake: ['Date'], now: world.clock.now });
  vi.stubGlobal('fetch', async (input: string | Request, init?: RequestInit) => {
    const response = await fetch(input, init);
    if (!String(init?.body).includes('RefreshPair')) return response;
    refreshes++;
    await onAnswer();
    return response;
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function logIn() {
  const { user } = await world.makeUser();
  const session: PairSession = { pair: null };
  const pairs = createPairClient(url, session);
  expect(await pairs.logIn(user.username, PASSWORD)).toEqual([]);
  return { user, session, pairs, first: requirePair(session) };
}

function requirePair({ pair }: PairSession): TokenPair {
  if (!pair) throw new Error('Nobody is signed in.');
  recordSecrets(pair);
  return pair;
}

const body = JSON.stringify({ query: print(MeDocument) });

async function askMe(send: typeof globalThis.fetch) {
  const response = await send(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { data, errors } = await response.json();
  return data?.me.username ?? errors[0].extensions.code;
}

const askAtOnce = (send: typeof globalThis.fetch) => Promise.all(Array.from({ length: 20 }, () => askMe(send)));

describe('a pair', () => {
  it('says what is wrong with a login, and keeps nothing', async () => {
    const session: PairSession = { pair: null };
    const pairs = createPairClient(url, session);
    expect(await pairs.logIn('nobody', 'wrong')).toEqual(['No active account found with the given credentials']);
    expect(await pairs.logIn('', 'wrong')).toEqual(['username: This field may not be blank.']);
    expect([session.pair, await askMe(pairs.fetch)]).toEqual([null, 'UNAUTHENTICATED']);
  });

  it('is refreshed once for all requests whose access token is refused', async () => {
    const { user, session, pairs, first } = await logIn();
    expect([await askMe(pairs.fetch), refreshes]).toEqual([user.username, 0]);
    // The device's clock has stood still.
    wait(6 * MINUTE);
    expect(await askAtOnce(pairs.fetch)).toEqual(Array(20).fill(user.username));
    expect(refreshes).toBe(1);
    expect(requirePair(session).refresh).not.toBe(first.refresh);
    expect([await askMe(pairs.fetch), refreshes]).toEqual([user.username, 1]);
  });

  it('is refreshed once for all requests before its access token expires', async () => {
    const { user, session, pairs, first } = await logIn();
    wait(4.6 * MINUTE);
    vi.setSystemTime(world.clock.now);
    expect(await askAtOnce(pairs.fetch)).toEqual(Array(20).fill(user.username));
    expect(refreshes).toBe(1);
    expect(requirePair(session).access).not.toBe(first.access);
  });

  it('is not refreshed with each request where the device’s clock is fast', async () => {
    const { user, pairs } = await logIn();
    vi.setSystemTime(world.clock.now.getTime() + 60 * MINUTE);
    expect([await askMe(pairs.fetch), await askMe(pairs.fetch), refreshes]).toEqual([user.username, user.username, 1]);
  });

  it('is not refreshed again for a request that was sent before, and whose refusal comes late', async () => {
    const { user, pairs } = await logIn();
    wait(6 * MINUTE);
    const counting = globalThis.fetch;
    vi.stubGlobal('fetch', async (...asked: Parameters<typeof fetch>) => {
      vi.stubGlobal('fetch', counting);
      const response = await fetch(...asked);
      expect([response.status, await askMe(pairs.fetch)]).toEqual([401, user.username]);
      return response;
    });
    expect([await askMe(pairs.fetch), refreshes]).toEqual([user.username, 1]);
  });

  it('ends when its refresh token is refused, whoever has used it', async () => {
    const { session, pairs, first } = await logIn();
    const stolen: PairSession = { pair: first };
    wait(6 * MINUTE);
    await askMe(pairs.fetch);
    wait(6 * MINUTE);
    expect(await askAtOnce(createPairClient(url, stolen).fetch)).toEqual(Array(20).fill('AUTHENTICATION_FAILED'));
    expect([stolen.pair, refreshes]).toEqual([null, 2]);
    expect([await askMe(pairs.fetch), session.pair]).toEqual(['AUTHENTICATION_FAILED', null]);
    expect(await askMe(pairs.fetch)).toBe('UNAUTHENTICATED');
  });

  it('ends before its access token does, without a request being taken for a stranger’s', async () => {
    const { user, session, pairs } = await logIn();
    await world.database.token.deleteMany({ where: { userId: user.id, kind: 'REFRESH' } });
    wait(6 * MINUTE);
    vi.setSystemTime(world.clock.now);
    expect([await askMe(pairs.fetch), session.pair]).toEqual(['AUTHENTICATION_FAILED', null]);
  });

  it('stays when a refresh has no answer, and goes on where the server has', async () => {
    const { user, session, pairs, first } = await logIn();
    wait(6 * MINUTE);
    onAnswer = () => {
      throw new TypeError('fetch failed');
    };
    await expect(askMe(pairs.fetch)).rejects.toThrow(TypeError);
    expect(session.pair).toEqual(first);
    onAnswer = () => {};
    wait(9_000);
    expect([await askMe(pairs.fetch), refreshes]).toEqual([user.username, 2]);
    expect(requirePair(session).refresh).not.toBe(first.refresh);
  });

  it('is one for several tabs that refresh at the same moment, and not for one that kept a copy', async () => {
    const { user, session, pairs, first } = await logIn();
    const tab: PairSession = { pair: first };
    const sleeper: PairSession = { pair: first };
    wait(6 * MINUTE);
    expect([await askMe(pairs.fetch), await askMe(createPairClient(url, tab).fetch)]).toEqual(
      Array(2).fill(user.username),
    );
    expect(requirePair(tab).refresh).toBe(requirePair(session).refresh);
    wait(10_000);
    expect(await askMe(createPairClient(url, sleeper).fetch)).toBe('AUTHENTICATION_FAILED');
    wait(6 * MINUTE);
    expect(await askMe(pairs.fetch)).toBe('AUTHENTICATION_FAILED');
  });

  it('does not come back when somebody logs out during a refresh', async () => {
    const { user, session, pairs } = await logIn();
    wait(6 * MINUTE);
    onAnswer = () => pairs.logOut();
    expect([await askMe(pairs.fetch), session.pair]).toEqual(['AUTHENTICATION_FAILED', null]);
    expect(await world.database.token.count({ where: { userId: user.id, kind: 'REFRESH' } })).toBe(0);
  });

  it.each<[string, (send: typeof globalThis.fetch) => Promise<unknown>]>([
    [
      'Apollo Client',
      async (send) => {
        const link = new HttpLink({ uri: url, fetch: send });
        const client = new ApolloClient({ link, cache: new InMemoryCache() });
        return (await client.query({ query: MeDocument })).data?.me.username;
      },
    ],
    [
      'urql',
      async (send) => {
        const client = new Client({ url, fetch: send, exchanges: [fetchExchange], preferGetMethod: false });
        return (await client.query(MeDocument, {})).data?.me.username;
      },
    ],
    [
      'graphql-request',
      async (send) => (await new GraphQLClient(url, { fetch: send }).request(MeDocument)).me.username,
    ],
    [
      'graphql-sse',
      async (send) => {
        const client = createClient({ url, fetchFn: send, retryAttempts: 0 });
        for await (const { data } of client.iterate<MeQuery>({ query: print(MeDocument) })) return data?.me.username;
      },
    ],
  ])('is sent and refreshed by %s', async (_client, ask) => {
    const { user, pairs } = await logIn();
    expect([await ask(pairs.fetch), refreshes]).toEqual([user.username, 0]);
    wait(6 * MINUTE);
    expect([await ask(pairs.fetch), refreshes]).toEqual([user.username, 1]);
  });
});
