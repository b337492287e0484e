import { afterEach, describe, expect, it } from 'vitest';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { makeUser, request, clock } = world;
const server = world.endpointWith({
  AUTHENTICATION: 'token,jwt,session,basic',
  MAX_LOGIN_FAILURES: '3',
  MAX_LOGIN_FAILURES_PER_ADDRESS: '6',
  TRUSTED_PROXIES: '127.0.0.1',
  PASSWORDS_WAITING: '1000',
});
const start = clock.now;

afterEach(() => {
  clock.now = start;
});

let made = 0;
let addresses = 0;
const nextAddress = () => `198.51.100.${++addresses}`;

interface Sent {
  headers?: Record<string, string>;
  address?: string;
  key?: string;
}

/** As a proxy on this machine passes it on. */
async function ask(query: string, { headers = {}, address = nextAddress(), key }: Sent = {}) {
  const init = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': address,
      ...(key && { authorization: `Token ${key}` }),
      ...headers,
    },
    body: JSON.stringify({ query }),
  };
  const req = {
    socket: { remoteAddress: '127.0.0.1' },
    headers: { 'x-forwarded-for': address },
    rawHeaders: [],
  };
  const response = await server.fetch('http://localhost:4000/graphql', init, { req } as never);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const input = (username: string, password: string) =>
  `input: { username: ${JSON.stringify(username)}, password: ${JSON.stringify(password)} }`;

const field = (name: string) => (username: string, password: string, sent?: Sent) =>
  ask(`mutation { ${name}(${input(username, password)}) { __typename } }`, {
    ...sent,
    headers: { 'x-tessera-csrf': '1', origin: 'http://localhost:4000' },
  });

const WAYS = {
  obtainAuthToken: field('obtainAuthToken'),
  obtainTokenPair: field('obtainTokenPair'),
  signIn: field('signIn'),
  basic: (username: string, password: string, sent?: Sent) =>
    ask('{ me { id } }', { ...sent, headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` } }),
};
const ways = Object.entries(WAYS);

describe('a password that is wrong too often', () => {
  it.each(ways)('makes wait by %s, however it was sent before, and whether it is right', async (_name, way) => {
    for (const username of [(await makeUser()).user.username, `nobody${++made}`]) {
      clock.now = new Date(clock.now.getTime() + 86_400_000);
      for (const [n, [, other]] of ways.slice(0, 3).entries()) {
        expect((await other(username, `guess ${n}`)).status).toBeLessThan(429);
      }
      for (const password of [PASSWORD, 'wrong']) {
        const { status, headers, body } = await way(username, password);
        expect({ status, retryAfter: headers.get('retry-after'), errors: body.errors }).toEqual({
          status: 429,
          retryAfter: '1',
          errors: [
            expect.objectContaining({
              message: 'Request was throttled. Expected available in 1 second.',
              extensions: { code: 'THROTTLED', retryAfterSeconds: 1 },
            }),
          ],
        });
      }
    }
  });

  it.each(ways)('is forgotten when the user has got in by %s', async (_name, way) => {
    const { user } = await makeUser();
    for (let round = 0; round < 3; round++) {
      for (const password of ['a', 'b']) expect((await way(user.username, password)).status).not.toBe(429);
      const { status, body } = await way(user.username, PASSWORD);
      expect({ status, errors: body.errors }).toEqual({ status: 200, errors: undefined });
    }
  });

  it('counts for an address, whatever the usernames, and for no other', async () => {
    const address = nextAddress();
    for (let n = 0; n < 6; n++) {
      expect((await WAYS.obtainAuthToken(`sprayed${n}`, 'password1', { address })).status).toBe(200);
    }
    expect((await WAYS.obtainAuthToken('sprayed7', 'password1', { address })).status).toBe(429);
    expect((await WAYS.obtainAuthToken('sprayed7', 'password1')).status).toBe(200);
  });

  it('cannot be asked as if from another address each time', async () => {
    const address = nextAddress();
    for (let n = 0; n < 6; n++) {
      const sent = { address: `203.0.113.${n}, ${address}` };
      expect((await WAYS.obtainAuthToken(`liar${n}`, 'password1', sent)).status).toBe(200);
    }
    const sent = { address: `203.0.113.99, ${address}` };
    expect((await WAYS.obtainAuthToken('liar7', 'password1', sent)).status).toBe(429);
  });

  it('keeps nobody out who sends a good key of the user’s, and whoever sends another’s', async () => {
    const [{ user, key }, { key: others }] = [await makeUser(), await makeUser()];
    for (let n = 0; n < 3; n++) await WAYS.obtainAuthToken(user.username, `guess ${n}`);
    expect((await WAYS.obtainAuthToken(user.username, PASSWORD)).status).toBe(429);
    const query = `mutation { obtainAuthToken(${input(user.username, PASSWORD)}) { __typename } }`;
    expect((await ask(query, { key: others })).status).toBe(429);
    expect((await ask(query, { key: `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}` })).status).toBe(429);
    expect((await ask(query, { key })).body).toEqual({ data: { obtainAuthToken: { __typename: 'IssuedToken' } } });
  });
});

/** No more: the fourth may come after a second, and makes wait two. */
async function expectThreeFailuresOf(username: string) {
  clock.now = new Date(clock.now.getTime() + 1_000);
  expect((await WAYS.obtainAuthToken(username, 'the fourth')).status).toBe(200);
  const { status, headers } = await WAYS.obtainAuthToken(username, 'the fifth');
  expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 429, retryAfter: '2' });
}

describe('a request that holds many logins', () => {
  const several = (username: string, times: number) =>
    Array.from(
      { length: times },
      (_each, n) => `l${n}: obtainAuthToken(${input(username, `guess ${n}`)}) { __typename }`,
    );

  it('has as many as one by one would have, under aliases', async () => {
    const { user } = await makeUser();
    const { status, body } = await ask(`mutation { ${several(user.username, 20).join('\n')} }`);
    // The first that is refused takes all data along.
    expect({ status, codes: body.errors.map((error: { path: string[] }) => error.path) }).toEqual({
      status: 429,
      codes: [['l3']],
    });
    await expectThreeFailuresOf(user.username);
  });

  it('has as many as one by one would have, by a fragment that is used again and again', async () => {
    const { user } = await makeUser();
    const body = several(user.username, 10).join('\n');
    const reply = await ask(
      `mutation { ...L ...L ...M } fragment M on Mutation { ...L } fragment L on Mutation { ${body} }`,
    );
    expect(reply.status).toBe(429);
    await expectThreeFailuresOf(user.username);
  });

  it('is refused as a batch', async () => {
    const query = `mutation { obtainAuthToken(${input('x', 'y')}) { __typename } }`;
    const response = await server.fetch('http://localhost:4000/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(Array.from({ length: 1_000 }, () => ({ query }))),
    });
    expect(response.status).toBe(400);
  });

  it('comes through no oftener when many are sent at once', async () => {
    const { user } = await makeUser();
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_each, n) => WAYS.obtainAuthToken(user.username, `guess ${n}`)),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(27);
  });

  it('with the right password is let in as often as it comes at once', async () => {
    const { user } = await makeUser();
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => WAYS.obtainAuthToken(user.username, PASSWORD, { address: '192.0.2.7' })),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array(30).fill(200));
  });
});

it('throttles by default', async () => {
  const { user } = await makeUser();
  const login = (n: number) => `mutation { obtainAuthToken(${input(user.username, `guess ${n}`)}) { __typename } }`;
  for (let n = 0; n < 5; n++) expect((await request(login(n))).status).toBe(200);
  expect((await request(login(5))).status).toBe(429);
});
