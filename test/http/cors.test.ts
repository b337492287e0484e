import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

const world = await openWorld();
const APP = 'https://app.example.org';
const TRUSTED = 'https://www.example.org';
const listed = world.endpointWith({ CORS_ORIGINS: `${APP}, http://localhost:5173`, TRUSTED_ORIGINS: TRUSTED });
const open = world.endpointWith({ CORS_ORIGINS: '*', AUTHENTICATION: 'token,jwt' });
const EXPOSED = 'X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate';
const ALLOWED = 'Authorization, Content-Type, Token, X-Request-Id, traceparent, tracestate';

type Endpoint = typeof listed;

/** What an answer tells a browser of who may read it. */
function corsOf({ headers }: Response) {
  // They come as they were set, in capitals perhaps.
  const all = [...headers].map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const told = all.filter(([name]) => name.startsWith('access-control-'));
  return { ...Object.fromEntries(told), varies: headers.get('vary')?.includes('Origin') ?? false };
}

function post(to: Endpoint, origin: string | null, query = '{ __typename }', headers: Record<string, string> = {}) {
  return to.fetch('http://tessera.test/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(origin === null ? {} : { origin }), ...headers },
    body: JSON.stringify({ query }),
  });
}

function preflight(to: Endpoint, origin: string, path = '/graphql') {
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,x-anything',
  };
  return to.fetch(`http://tessera.test${path}`, { method: 'OPTIONS', headers });
}

const readable = (origin: string) => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': EXPOSED,
  varies: true,
});
const sendable = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': ALLOWED,
  'access-control-max-age': '600',
};
const credentials = { 'access-control-allow-credentials': 'true' };

describe('pages of other origins', () => {
  it('read nothing unless some are listed', async () => {
    const nothing = { varies: false };
    expect(corsOf(await post(world.endpoint, APP))).toEqual(nothing);
    const asked = await preflight(world.endpoint, APP);
    expect({ status: asked.status, ...corsOf(asked) }).toEqual({ status: 405, ...nothing });
  });

  it('may ask with a key of theirs by CORS_ORIGINS, and not with the cookie', async () => {
    for (const origin of [APP, 'http://localhost:5173']) {
      expect(corsOf(await post(listed, origin))).toEqual(readable(origin));
      const asked = await preflight(listed, origin);
      expect({ status: asked.status, ...corsOf(asked) }).toEqual({ status: 204, ...readable(origin), ...sendable });
    }
  });

  it('may use the cookie, too, by TRUSTED_ORIGINS', async () => {
    expect(corsOf(await post(listed, TRUSTED))).toEqual({ ...readable(TRUSTED), ...credentials });
    const asked = await preflight(listed, TRUSTED);
    expect({ status: asked.status, ...corsOf(asked) }).toEqual({
      status: 204,
      ...readable(TRUSTED),
      ...credentials,
      ...sendable,
      'access-control-allow-headers': `${ALLOWED}, X-Tessera-CSRF`,
    });
  });

  it.each([
    'null',
    'http://app.example.org',
    'https://app.example.org:8443',
    'https://app.example.or',
    'https://app.example.org.evil.test',
    'https://evil.test/https://app.example.org',
    'https://sub.app.example.org',
    'https://app.example.org/',
    'HTTPS://APP.EXAMPLE.ORG',
    `${APP}, ${TRUSTED}`,
    '*',
    '',
  ])('are known by their whole origin alone, and this is none that is listed: %s', async (origin) => {
    expect(corsOf(await post(listed, origin))).toEqual({ varies: true });
    const asked = await preflight(listed, origin);
    expect({ status: asked.status, ...corsOf(asked) }).toEqual({ status: 405, varies: true });
  });

  it('are told apart by caches, also from those who name no origin', async () => {
    expect(corsOf(await post(listed, null))).toEqual({ varies: true });
    expect((await post(listed, APP)).headers.get('vary')).toBe('Origin, Authorization, Token, Cookie');
  });

  it('read why they are refused', async () => {
    const narrow = world.endpointWith({
      CORS_ORIGINS: APP,
      BCRYPT_COST: '12',
      PASSWORDS_AT_ONCE: '1',
      PASSWORDS_WAITING: '0',
    });
    const login = (username: string) =>
      `mutation { obtainAuthToken(input: { username: "${username}", password: "wrong" }) { __typename } }`;
    const burst = await Promise.all(Array.from({ length: 6 }, (_each, n) => post(narrow, APP, login(`nobody${n}`))));
    const answers = [
      await post(listed, APP, '{ me { id } }'),
      await post(listed, APP, '{ me { id } }', { authorization: 'Token stale' }),
      await post(listed, APP, '{'),
      await post(listed, APP, '{ a }', { 'content-type': 'text/plain' }),
      ...burst.filter(({ status }) => status === 503).slice(0, 1),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 200, 415, 503]);
    for (const answer of answers) expect(corsOf(answer)).toEqual(readable(APP));
  });

  it('may be all there are by *, but none that hides its name, and none with what browsers send by themselves', async () => {
    for (const origin of [APP, 'https://any.test']) {
      expect(corsOf(await post(open, origin))).toEqual(readable('*'));
      expect(corsOf(await preflight(open, origin))).toEqual({ ...readable('*'), ...sendable });
    }
    expect(corsOf(await post(open, 'null'))).toEqual({ varies: true });
  });

  it('have no part in what is for services, but read public keys as everybody does', async () => {
    for (const path of ['/oauth/introspect', '/oauth/revoke', '/elsewhere']) {
      const asked = await preflight(listed, APP, path);
      expect(asked.ok).toBe(false);
      expect(corsOf(asked)).toEqual({ varies: false });
      const sent = await listed.fetch(`http://tessera.test${path}`, { method: 'POST', headers: { origin: TRUSTED } });
      expect(corsOf(sent)).toEqual({ varies: false });
    }
    const keys = await listed.fetch('http://tessera.test/.well-known/jwks.json', { headers: { origin: 'null' } });
    expect(corsOf(keys)).toEqual({ 'access-control-allow-origin': '*', varies: false });
  });

  it('cannot use the cookie where they are not trusted, whatever they send', async () => {
    const { username } = (await world.makeUser()).user;
    const signIn = `mutation { signIn(input: { username: "${username}", password: "x" }) { __typename } }`;
    const answer = await post(listed, APP, signIn, { 'x-tessera-csrf': '1' });
    expect({ status: answer.status, ...corsOf(answer) }).toEqual({ status: 403, ...readable(APP) });
  });
});
