import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { makeUser, clock } = world;
const LIMITS = { RATE_LIMIT_PER_ADDRESS: '3', RATE_LIMIT_PER_USER: '4' };
const limited = world.endpointWith(LIMITS);
const MANIFEST = join(mkdtempSync(join(tmpdir(), 'tessera-')), 'manifest.json');
writeFileSync(MANIFEST, JSON.stringify({ known: '{ me { id } }' }));
afterAll(() => rmSync(dirname(MANIFEST), { recursive: true }));

let addresses = 0;
const nextAddress = () => `198.51.100.${++addresses}`;

interface Sent {
  headers?: Record<string, string>;
  path?: string;
  body?: string;
  to?: typeof limited;
}

async function ask(address: string, query: string, { headers, path = '/graphql', body, to = limited }: Sent = {}) {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body ?? JSON.stringify({ query }),
  };
  const req = { socket: { remoteAddress: address }, headers: {}, rawHeaders: [] };
  const response = await to.fetch(`http://localhost:4000${path}`, init, { req } as never);
  return {
    status: response.status,
    policy: response.headers.get('ratelimit-policy'),
    left: response.headers.get('ratelimit'),
    retryAfter: response.headers.get('retry-after'),
    text: await response.text(),
  };
}

const token = (key: string) => ({ headers: { authorization: `Token ${key}` } });

async function statusesOf(times: number, once: () => Promise<{ status: number }>) {
  const statuses: number[] = [];
  for (let n = 0; n < times; n++) statuses.push((await once()).status);
  return statuses;
}

describe('requests of nobody', () => {
  it('are counted by address and refused past the limit, until the minute is over', async () => {
    const address = nextAddress();
    expect(await ask(address, '{ viewer { id } }')).toMatchObject({
      status: 200,
      policy: '"address";q=3;w=60',
      left: '"address";r=2;t=60',
      retryAfter: null,
    });
    clock.now = new Date(clock.now.getTime() + 20_000);
    await statusesOf(2, () => ask(address, '{ viewer { id } }'));
    const refused = await ask(address, '{ viewer { id } }');
    expect(refused).toMatchObject({ status: 429, left: '"address";r=0;t=40', retryAfter: '40' });
    expect(JSON.parse(refused.text)).toEqual({
      errors: [
        {
          message: 'Request was throttled. Expected available in 40 seconds.',
          extensions: { code: 'THROTTLED', retryAfterSeconds: 40 },
        },
      ],
    });
    expect((await ask(nextAddress(), '{ viewer { id } }')).status).toBe(200);
    clock.now = new Date(clock.now.getTime() + 40_000);
    expect((await ask(address, '{ viewer { id } }')).status).toBe(200);
  });

  it.each<[string, string, Sent]>([
    ['what is no GraphQL', '{', {}],
    ['what is not valid', '{ nothing }', {}],
    ['what is no JSON', '', { body: '{' }],
    ['what they may not do', '{ me { id } }', {}],
    ['a forged key', '{ me { id } }', token(`tsr_${'A'.repeat(43)}`)],
    ['a header that is no credential', '{ viewer { id } }', { headers: { authorization: 'Nothing at-all' } }],
    ['a cookie that is no credential', '{ viewer { id } }', { headers: { cookie: 'a=b' } }],
    ['a token to be revoked', '', { path: '/oauth/revoke', headers: form(), body: 'token=x' }],
  ])('are counted for %s', async (_case, query, sent) => {
    const address = nextAddress();
    const [first] = await statusesOf(3, () => ask(address, query, sent));
    expect(first).not.toBe(429);
    expect((await ask(address, '{ viewer { id } }')).status).toBe(429);
  });

  it.each<[string, Sent]>([
    ['a header that is no credential', { headers: { authorization: 'Nothing at-all' } }],
    ['a cookie that is no credential', { headers: { cookie: 'a=b' } }],
    ['what is no list’s document', { to: world.endpointWith({ ...LIMITS, TRUSTED_DOCUMENTS: MANIFEST }) }],
    ['what is no GraphQL', { body: '{"query":"{"}' }],
    ['the revocation endpoint', { path: '/oauth/revoke', headers: form(), body: 'token=x' }],
  ])('are refused past the limit, by way of %s', async (_case, sent) => {
    const address = nextAddress();
    const [a, b, c, last] = await statusesOf(4, () => ask(address, '{ viewer { id } }', sent));
    expect([a, b, c]).not.toContain(429);
    expect(last).toBe(429);
  });
});

describe('requests of a user', () => {
  it('are counted for the user, from wherever and by whichever token', async () => {
    const { user, key } = await makeUser();
    expect(await ask(nextAddress(), '{ me { id } }', token(key))).toMatchObject({
      status: 200,
      policy: '"user";q=4;w=60',
      left: '"user";r=3;t=60',
    });
    const obtained = await ask(
      nextAddress(),
      `mutation { obtainAuthToken(input: { username: "${user.username}", password: "a fine long password", name: "other" }) { ... on IssuedToken { key } } }`,
    );
    const other = JSON.parse(obtained.text).data.obtainAuthToken.key;
    expect(await statusesOf(4, () => ask(nextAddress(), '{ me { id } }', token(other)))).toEqual([200, 200, 200, 429]);
    expect((await ask(nextAddress(), '{ me { id } }', token(key))).status).toBe(429);
    expect((await ask(nextAddress(), '{ me { id } }', token((await makeUser()).key))).status).toBe(200);
  });

  it('are not kept out by strangers at the same address', async () => {
    const address = nextAddress();
    const { key } = await makeUser();
    await statusesOf(5, () => ask(address, '{ viewer { id } }'));
    await statusesOf(5, () => ask(address, '{ viewer { id } }', token(`tsr_${'A'.repeat(43)}`)));
    expect((await ask(address, '{ me { id } }', token(key))).status).toBe(200);
    expect((await ask(address, '{ viewer { id } }')).status).toBe(429);
  });

  it('run nothing past the limit', async () => {
    const { key } = await makeUser();
    const create = (n: number) => `mutation { createToken(input: { name: "made ${n}" }) { __typename } }`;
    const made: number[] = [];
    for (let n = 0; n < 8; n++) made.push((await ask(nextAddress(), create(n), token(key))).status);
    expect(made.filter((status) => status === 200)).toHaveLength(4);
    expect(await world.database.token.count({ where: { name: { startsWith: 'made ' } } })).toBe(4);
  });
});

it('are any number where no limit is set', async () => {
  const to = world.endpointWith({ RATE_LIMIT_PER_ADDRESS: 'none', RATE_LIMIT_PER_USER: 'none' });
  const address = nextAddress();
  const { key } = await makeUser();
  const replies = [
    await ask(address, '{ viewer { id } }', { to }),
    await ask(address, '{ me { id } }', { to, ...token(key) }),
  ];
  expect(replies.map(({ status, policy, left }) => [status, policy, left])).toEqual(Array(2).fill([200, null, null]));
});

function form() {
  return { 'content-type': 'application/x-www-form-urlencoded' };
}
