import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { newTokenId } from '../../src/auth/key.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { makeUser, request } = world;

/** The lines of one request, each as far as it is about the request. */
async function linesOf(query: string, asked: Parameters<typeof request>[1] = {}) {
  world.logged.length = 0;
  const { headers } = await request(query, asked);
  const lines = world.logged.map((line) => JSON.parse(line));
  for (const { requestId } of lines) expect(requestId).toBe(headers.get('x-request-id'));
  return lines.map(({ level, msg, operation, outcome, status, userId, durationMs }) => {
    expect(durationMs).toBeGreaterThanOrEqual(0);
    return { level, msg, operation, outcome, status, userId };
  });
}

const LOGIN = `mutation LogIn($username: String!, $password: String!) {
  obtainAuthToken(input: { username: $username, password: $password }) { __typename }
}`;

describe('the request log', () => {
  it('tells in one line what was asked, by whom, how long it took and how it ended', async () => {
    const { key, user } = await makeUser();
    expect(await linesOf('query WhoAmI { me { username } }', { key })).toEqual([
      {
        level: 30,
        msg: 'request',
        operation: 'WhoAmI',
        outcome: 'ok',
        status: 200,
        userId: globalIdOf('User', user.id),
      },
    ]);
  });

  it('knows who has just logged in, and not who has failed to', async () => {
    const { user } = await makeUser();
    for (const [password, outcome, userId] of [
      [PASSWORD, 'ok', globalIdOf('User', user.id)],
      ['some wrong password', 'InvalidCredentialsError', null],
      ['', 'ValidationError', null],
    ] as const) {
      expect(await linesOf(LOGIN, { variables: { username: user.username, password } })).toEqual([
        { level: 30, msg: 'request', operation: 'LogIn', outcome, status: 200, userId },
      ]);
    }
  });

  it.each([
    ['UNAUTHENTICATED', 401, 'query Q { me { id } }', {}],
    ['AUTHENTICATION_FAILED', 401, 'query Q { me { id } }', { headers: { authorization: 'Token stale' } }],
    ['GRAPHQL_VALIDATION_FAILED', 200, 'query Q { nothing }', {}],
    ['GRAPHQL_PARSE_FAILED', 200, 'query Q {', {}],
    ['BAD_REQUEST', 400, `query Q ${'{a'.repeat(300)}`, {}],
  ])('tells a refusal by its code: %s', async (outcome, status, query, asked) => {
    expect(await linesOf(query, asked)).toEqual([
      // What does not come to be executed has no operation yet.
      {
        level: 30,
        msg: 'request',
        operation: status === 401 ? 'Q' : null,
        outcome,
        status,
        userId: null,
      },
    ]);
  });

  it('says partial where errors stand beside data', async () => {
    const { key } = await makeUser();
    vi.spyOn(world.database.token, 'findUnique').mockRejectedValueOnce(new Error('broken'));
    world.logged.length = 0;
    const variables = { id: globalIdOf('Token', newTokenId()) };
    const { status, body } = await request('query Q($id: ID!) { node(id: $id) { id } }', { key, variables });
    expect({ status, data: body.data }).toEqual({ status: 200, data: { node: null } });
    expect(world.logged.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'request failed', err: { message: 'broken' } },
      { msg: 'request', outcome: 'partial', status: 200 },
    ]);
  });

  it('has the fields that the guide names, and no others', async () => {
    const guide = readFileSync(new URL('../../docs/guides/configuration.md', import.meta.url), 'utf8');
    const [, table = ''] = /^\| Field \|.*?\n\|.*?\n((?:\|.*\n)+)/m.exec(guide) ?? [];
    const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    world.logged.length = 0;
    await request('{ __typename }');
    const { level, time, pid, hostname, msg, ...own } = JSON.parse(world.logged[0] ?? '{}');
    expect(Object.keys(own)).toEqual(named);
  });

  it('keeps a name of a million letters short', async () => {
    const [line] = await linesOf(`query ${'N'.repeat(900_000)} { __typename }`);
    expect(line?.operation).toBe('N'.repeat(100));
  });

  const FRESH = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

  /** The id in the answer, which is the one in the log. */
  async function idFor(sent?: string): Promise<string> {
    world.logged.length = 0;
    const headers: Record<string, string> = sent === undefined ? {} : { 'x-request-id': sent };
    const reply = await request('{ __typename }', { headers });
    const id = reply.headers.get('x-request-id') ?? '';
    expect(world.logged.map((line) => JSON.parse(line).requestId)).toEqual([id]);
    return id;
  }

  it('gives a request that brings no id one of its own', async () => {
    const ids = [await idFor(), await idFor()];
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(FRESH);
  });

  it.each(['7f3e0a52b6d14c8f9a0e1d2c3b4a5968', 'a', 'A-z0.9_:+/=@', 'x'.repeat(128)])(
    'goes by the id that a request brings: %s',
    async (sent) => expect(await idFor(sent)).toBe(sent),
  );

  it.each([
    ['empty', ''],
    ['too long', 'x'.repeat(129)],
    ['two in one', 'one, two'],
    ['with a blank', 'one two'],
    ['with a tab', 'one\ttwo'],
    ['not of ASCII', 'mine\u00e9'],
    ['a line of its own', '","level":60,"msg":"forged'],
    ['a page', '<script>'],
    ['what terminals and shells read', '$(id)`;%0a'],
  ])('makes one where what it brings is none: %s', async (_why, sent) => {
    expect(await idFor(sent)).toMatch(FRESH);
  });

  it('shows no key that somebody sends as an id', async () => {
    const { key } = await makeUser();
    world.logged.length = 0;
    await request('{ __typename }', { headers: { 'x-request-id': key } });
    expect(world.logged.join('')).toContain('"requestId":"tsr_[redacted]"');
  });
});
