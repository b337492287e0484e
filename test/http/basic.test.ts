import { request as requestHttp } from 'node:http';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { setActive } from '../../src/accounts/users.ts';
import { listen } from '../../src/http/server.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request } = world;
const endpoint = world.endpointWith({ AUTHENTICATION: 'token,basic' });
const PRIVATE = { 'x-forwarded-proto': 'https' };
const ME = '{ me { username } }';

function encode(username: string, password = PASSWORD): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

async function ask(authorization: string, headers: Record<string, string> = PRIVATE) {
  const reply = await request(ME, { headers: { ...headers, authorization } }, endpoint);
  const { message, extensions } = reply.body.errors?.[0] ?? {};
  return { status: reply.status, data: reply.body.data, message, code: extensions?.code };
}

const refused = (message: string) => ({ status: 401, data: undefined, message, code: 'AUTHENTICATION_FAILED' });

describe('Basic', () => {
  it('knows the caller by username and password', async () => {
    const { user } = await makeUser();
    expect(await ask(`Basic ${encode(user.username)}`)).toMatchObject({ data: { me: { username: user.username } } });
    expect(await ask(`bASIC \t ${encode(user.username.toUpperCase())}`)).toMatchObject({ status: 200 });
  });

  it.each([
    ['Basic', 'Invalid basic header. No credentials provided.'],
    ['Basic a b', 'Invalid basic header. Credentials string should not contain spaces.'],
    ['Basic foo%bar', 'Invalid basic header. Credentials not correctly base64 encoded.'],
    [`Basic ${encode('nobody')}`, 'Invalid username/password.'],
    [`Basic ${Buffer.from('no colon').toString('base64')}`, 'Invalid username/password.'],
    [`Basic ${encode('')}`, 'Invalid username/password.'],
  ])('refuses %s in Django REST framework’s words', async (header, message) => {
    expect(await ask(header)).toEqual(refused(message));
  });

  it('refuses a wrong password and an inactive user alike', async () => {
    const { user } = await makeUser();
    expect(await ask(`Basic ${encode(user.username, 'wrong')}`)).toEqual(refused('Invalid username/password.'));
    await setActive(database, user.id, false);
    expect(await ask(`Basic ${encode(user.username)}`)).toEqual(refused('Invalid username/password.'));
  });

  it('takes a password with colons and beyond ASCII, as UTF-8', async () => {
    const { user } = await makeUser();
    const passwordHash = await world.passwords.hash('pä:ss:wörd');
    await database.user.update({ where: { id: user.id }, data: { passwordHash } });
    expect(await ask(`Basic ${encode(user.username, 'pä:ss:wörd')}`)).toMatchObject({ status: 200 });
  });

  it('is not known unless it is named, and challenges where it is the first way in', async () => {
    const { user } = await makeUser();
    const headers = { ...PRIVATE, authorization: `Basic ${encode(user.username)}` };
    expect((await request(ME, { headers })).body.errors[0].extensions.code).toBe('UNAUTHENTICATED');
    const first = await request(ME, {}, world.endpointWith({ AUTHENTICATION: 'basic' }));
    expect(first.headers.get('www-authenticate')).toBe('Basic realm="api"');
  });

  it('is refused beside a key', async () => {
    const { user, key } = await makeUser();
    expect(await ask(`Basic ${encode(user.username)}`, { ...PRIVATE, token: key })).toMatchObject({ status: 401 });
  });

  it('never fails the server, whatever is sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        expect((await ask(`Basic ${Buffer.from(bytes).toString('base64')}`)).status).toBe(401);
      }),
      { numRuns: 40 },
    );
  });
});

describe('over plain HTTP', () => {
  const OPEN = refused('A password must not be sent over plain HTTP. Use https.');

  it('is refused whatever the password, and costs no query', async () => {
    const { user } = await makeUser();
    for (const headers of [{}, { 'x-forwarded-proto': 'http' }, { 'x-forwarded-proto': 'http, https' }]) {
      world.queries.length = 0;
      expect(await ask(`Basic ${encode(user.username)}`, headers as Record<string, string>)).toEqual(OPEN);
      expect(await ask(`Basic ${encode('nobody', 'wrong')}`, headers as Record<string, string>)).toEqual(OPEN);
      expect(world.queries).toEqual([]);
    }
  });

  it('is taken from this very machine, unless a proxy says that it came from elsewhere', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 0 });
    server.serve(endpoint, async () => true);
    afterAll(() => server.close());
    const { user } = await makeUser();
    const statusOf = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = {
          ...headers,
          authorization: `Basic ${encode(user.username)}`,
          'content-type': 'application/json',
        };
        requestHttp(`${server.url}/graphql`, { method: 'POST', headers: sent, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end(JSON.stringify({ query: ME }));
      });
    expect(await statusOf({})).toBe(200);
    expect(await statusOf({ 'x-forwarded-proto': 'https' })).toBe(200);
    expect(await statusOf({ 'x-forwarded-proto': 'http' })).toBe(401);
  });
});
