import { afterAll, describe, expect, inject, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database/open.ts';
import { createLog } from '../src/log.ts';
import { createEndpoint } from '../src/serve.ts';
import { openSigningKeys } from '../src/signing-keys.ts';
import { openSession } from './plain-sql.ts';
import { tessera } from './program.ts';
import { recordOutput } from './recorder.ts';
import { openWorld, PASSWORD } from './world.ts';

const STRICT = { JWT_CHECK: 'strict' };
const world = await openWorld(STRICT);
const { makeUser } = world;
const session = await openSession(world.env);
// Before the world closes its database.
afterAll(() => session.end());
const isServer = inject('templateUrl') !== null;
const nodes = [
  { endpoint: world.endpoint, settle: world.changes.settle },
  await (isServer ? openAnotherNode() : { endpoint: world.endpointWith(STRICT), settle: world.changes.settle }),
];

/** A second server on the database; an embedded one has but one owner, so there it is another cache in his process. */
async function openAnotherNode() {
  const { config, secrets } = readConfig({ ...world.env, ...STRICT });
  const log = createLog(config, { write: recordOutput });
  const open = await openDatabase({ config, secrets, log, asServer: true });
  const signingKeys = await openSigningKeys(config, secrets, { ...open, log, now: () => new Date() });
  afterAll(async () => {
    signingKeys?.close();
    await open.close();
  });
  return { endpoint: createEndpoint(config, secrets, { ...open, signingKeys }, log), settle: open.changes.settle };
}

interface Subject {
  key: string;
  id: string;
  globalId: string;
  userId: string;
  username: string;
}

function askOn(at: number, { key }: Pick<Subject, 'key'>, query = '{ me { username email } }', variables = {}) {
  return world.request(query, { key, variables }, nodes[at]?.endpoint);
}

/** A user whose key every node has in memory. */
async function makeKnown(): Promise<Subject> {
  const { user, token, key } = await makeUser();
  for (const at of nodes.keys()) expect((await askOn(at, { key })).status).toBe(200);
  const globalId = Buffer.from(`Token:${token.id}`).toString('base64');
  return { key, id: token.id, globalId, userId: user.id, username: user.username };
}

const INVALID = { errors: [{ message: 'Invalid token.', extensions: { code: 'AUTHENTICATION_FAILED' } }] };
const INACTIVE = { errors: [{ ...INVALID.errors[0], message: 'User inactive or deleted.' }] };

function sql(text: string): (subject: Subject) => Promise<unknown> {
  return ({ id, userId }) => session.query(text.replace(':id', `'${id}'`).replace(':userId', `'${userId}'`));
}

function command(...parts: string[]): (subject: Subject) => Promise<void> {
  return async ({ globalId, username }) => {
    const words = parts.map((part) => part.replace(':id', globalId).replace(':username', username));
    expect(await tessera(words, world.env)).toMatchObject({ code: 0, stderr: '' });
  };
}

describe(`a key that ${isServer ? 'two nodes have' : 'a server has'} in memory is refused by all`, () => {
  it.each<[string, unknown, (subject: Subject) => Promise<unknown>]>([
    [
      'GraphQL on another node revokes it',
      INVALID,
      async (subject) => {
        const query = 'mutation Revoke($id: ID!) { revokeToken(id: $id) { __typename } }';
        const { body } = await askOn(1, subject, query, { id: subject.globalId });
        expect(body).toEqual({ data: { revokeToken: { __typename: 'RevokedToken' } } });
      },
    ],
    ['tessera token revoke ends it', INVALID, command('token', 'revoke', ':id')],
    ['tessera token revoke --user ends it', INVALID, command('token', 'revoke', '--user', ':username')],
    ['tessera user deactivate keeps its user out', INACTIVE, command('user', 'deactivate', ':username')],
    ['tessera user delete ends its user', INVALID, command('user', 'delete', ':username', '--yes')],
    ['SQL deletes it', INVALID, sql('DELETE FROM "Token" WHERE "id" = :id')],
    ['SQL lets it expire', INVALID, sql(`UPDATE "Token" SET "expiresAt" = '2020-01-01' WHERE "id" = :id`)],
    ['SQL gives it another id', INVALID, sql('UPDATE "Token" SET "id" = gen_random_uuid() WHERE "id" = :id')],
    ['SQL deletes its user', INVALID, sql('DELETE FROM "User" WHERE "id" = :userId')],
    ['SQL deactivates its user', INACTIVE, sql('UPDATE "User" SET "isActive" = false WHERE "id" = :userId')],
    [
      'SQL deletes it as a replica would',
      INVALID,
      sql('SET session_replication_role = replica; DELETE FROM "Token" WHERE "id" = :id; RESET ALL'),
    ],
    ['SQL empties the table', INVALID, sql('TRUNCATE "Token"')],
  ])('when %s', async (_name, refusal, end) => {
    const subject = await makeKnown();
    await end(subject);
    for (const { settle } of nodes) await settle();
    for (const at of nodes.keys()) expect([at, (await askOn(at, subject)).body]).toEqual([at, refusal]);
  });

  it('the very next time, where the mutation was answered', async () => {
    const query = 'mutation Revoke($id: ID!) { revokeToken(id: $id) { __typename } }';
    for (let round = 0; round < 20; round++) {
      const subject = await makeKnown();
      await askOn(0, subject, query, { id: subject.globalId });
      expect((await askOn(0, subject)).body).toEqual(INVALID);
    }
  });
});

describe('what is told of a user', () => {
  it('is what it has become, on every node', async () => {
    const subject = await makeKnown();
    await session.query(`UPDATE "User" SET "username" = 'renamed', "email" = 'x@example.org' WHERE "id" = $1`, [
      subject.userId,
    ]);
    for (const { settle } of nodes) await settle();
    const me = { data: { me: { username: 'renamed', email: 'x@example.org' } } };
    for (const at of nodes.keys()) expect([at, (await askOn(at, subject)).body]).toEqual([at, me]);
  });

  it('is accepted again when the user is let in again', async () => {
    const subject = await makeKnown();
    await command('user', 'deactivate', ':username')(subject);
    await command('user', 'activate', ':username')(subject);
    for (const { settle } of nodes) await settle();
    for (const at of nodes.keys()) expect((await askOn(at, subject)).status).toBe(200);
  });
});

/** The other node goes by the time of day: as clocks of two machines must, this one's shows the same. */
function matchClocks(): void {
  world.clock.now = new Date();
}

/** Headers by which a browser, or the holder of a pair, comes in; signed in on the first node, and known on all. */
async function makeKnownBy(way: 'session' | 'pair') {
  matchClocks();
  const { user, key } = await makeUser();
  const proof = { origin: 'http://localhost:4000', 'x-tessera-csrf': '1' };
  const input = `(input: { username: "${user.username}", password: "${PASSWORD}" })`;
  const [first] = nodes;
  let headers: Record<string, string>;
  if (way === 'session') {
    const query = `mutation { signIn${input} { __typename } }`;
    const answer = await world.request(query, { headers: proof }, first?.endpoint);
    headers = { ...proof, cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' };
  } else {
    const query = `mutation { obtainTokenPair${input} { ... on TokenPair { access } } }`;
    const { body } = await world.request(query, {}, first?.endpoint);
    headers = { authorization: `Bearer ${body.data.obtainTokenPair.access}` };
  }
  const statusOn = async (at: number) => {
    const { status } = await world.request('{ me { username } }', { headers }, nodes[at]?.endpoint);
    return status;
  };
  for (const at of nodes.keys()) expect([way, at, await statusOn(at)]).toEqual([way, at, 200]);
  return { user, key, headers, statusOn };
}

const LAST = nodes.length - 1;

describe(`who has come in by a session or a pair on one node, and is known on ${isServer ? 'another' : 'the same'}`, () => {
  it.each<['session' | 'pair', string, (known: Awaited<ReturnType<typeof makeKnownBy>>) => Promise<unknown>]>([
    [
      'session',
      'he signs out on another',
      ({ headers }) => world.request('mutation { signOut { wasSignedIn } }', { headers }, nodes[LAST]?.endpoint),
    ],
    [
      'session',
      'he logs out everywhere with a key',
      ({ key }) => world.request('mutation { revokeAllTokens { count } }', { key }, nodes[LAST]?.endpoint),
    ],
    ['session', 'he is deactivated', ({ user }) => tessera(['user', 'deactivate', user.username], world.env)],
    [
      'pair',
      'it ends itself on another',
      ({ headers }) =>
        world.request('mutation { revokeCurrentToken { __typename } }', { headers }, nodes[LAST]?.endpoint),
    ],
    ['pair', 'he is deactivated', ({ user }) => tessera(['user', 'deactivate', user.username], world.env)],
  ])('is refused by all when, by %s, %s', async (way, _what, end) => {
    const known = await makeKnownBy(way);
    await end(known);
    for (const { settle } of nodes) await settle();
    for (const at of nodes.keys()) expect([at, await known.statusOn(at)]).toEqual([at, 401]);
  });
});

describe('a pair that nodes refresh at once', () => {
  it('has one successor, whichever answers', async () => {
    matchClocks();
    const { user } = await makeUser();
    const login = `(input: { username: "${user.username}", password: "${PASSWORD}" })`;
    const obtained = await world.request(`mutation { obtainTokenPair${login} { ... on TokenPair { refresh } } }`);
    const variables = { refresh: obtained.body.data.obtainTokenPair.refresh };
    const query =
      'mutation R($refresh: String!) { refreshTokenPair(refresh: $refresh) { __typename ... on TokenPair { refresh } } }';
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_each, n) => world.request(query, { variables }, nodes[n % nodes.length]?.endpoint)),
    );
    const successors = answers.map(({ body }) => body.data.refreshTokenPair);
    expect(new Set(successors.map(({ refresh }) => refresh)).size).toBe(1);
    expect(successors[0]).toMatchObject({ __typename: 'TokenPair', refresh: expect.stringMatching(/^tsrr_/) });
  });
});
