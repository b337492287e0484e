import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/auth/key.ts';
import { AuditEventKind } from '../../src/database/generated/prisma/client.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request } = world;

const EVENTS = `query Events($userId: ID, $kind: AuditEventKind, $first: Int, $after: String, $last: Int, $before: String) {
  auditEvents(userId: $userId, kind: $kind, first: $first, after: $after, last: $last, before: $before) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id kind at tokenId address userAgent requestId user { id username } actor { username } } }
  }
}`;

const staff = await makeUser('auditor', { isStaff: true });
const BAD_REQUEST = (message: string) => ({
  status: 400,
  body: { errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] },
});

async function pageOf(variables: Record<string, unknown> = {}) {
  const { body } = await request(EVENTS, { key: staff.key, variables });
  return body.data.auditEvents as {
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
    edges: { cursor: string; node: { id: string; kind: string; [field: string]: unknown } }[];
  };
}

describe('auditEvents', () => {
  it('are shown to staff from the newest on, with whoever they are about', async () => {
    const { user, key } = await makeUser();
    const headers = { 'user-agent': `curl/8 ${'x'.repeat(300)}`, 'x-request-id': 'asked-for' };
    const { body } = await request(
      'mutation { createToken(input: { name: "ci" }) { ... on IssuedToken { token { id } } } }',
      { key, headers },
    );
    const { edges } = await pageOf({ userId: globalIdOf('User', user.id) });
    expect(edges.map(({ node }) => node.kind).slice(0, 1)).toEqual(['TOKEN_CREATED']);
    expect(edges.map(({ node }) => node.kind).toSorted()).toEqual(['TOKEN_CREATED', 'TOKEN_CREATED', 'USER_CREATED']);
    expect(edges[0]?.node).toEqual({
      id: expect.any(String),
      kind: 'TOKEN_CREATED',
      at: expect.any(String),
      tokenId: body.data.createToken.token.id,
      address: null,
      userAgent: `curl/8 ${'x'.repeat(249)}`,
      requestId: 'asked-for',
      user: { id: globalIdOf('User', user.id), username: user.username },
      actor: { username: user.username },
    });
  });

  it('come once each, whatever the size of the pages and from whichever end', async () => {
    const { user } = await makeUser();
    for (let n = 0; n < 9; n++) await database.user.update({ where: { id: user.id }, data: { isActive: n % 2 === 1 } });
    const userId = globalIdOf('User', user.id);
    const all = (await pageOf({ userId, first: 100 })).edges.map(({ node }) => node.id);
    expect(all).toHaveLength(11);
    for (const size of [1, 2, 5, 11]) {
      const forwards: string[] = [];
      for (let after: string | null = null, isMore = true; isMore; ) {
        const page = await pageOf({ userId, first: size, after });
        forwards.push(...page.edges.map(({ node }) => node.id));
        ({ endCursor: after, hasNextPage: isMore } = page.pageInfo);
      }
      expect(forwards).toEqual(all);
      const backwards: string[] = [];
      for (let before: string | null = null, isMore = true; isMore; ) {
        const page = await pageOf({ userId, last: size, before });
        backwards.unshift(...page.edges.map(({ node }) => node.id));
        ({ startCursor: before, hasPreviousPage: isMore } = page.pageInfo);
      }
      expect(backwards).toEqual(all);
    }
  });

  it('are those of a kind, and of nobody where the user has none', async () => {
    await request('mutation { obtainAuthToken(input: { username: "nobody", password: "wrong" }) { __typename } }');
    const { edges } = await pageOf({ kind: 'LOGIN_FAILED' });
    expect(edges.map(({ node }) => [node.kind, node.user])).toEqual([['LOGIN_FAILED', null]]);
    const none = await pageOf({ userId: globalIdOf('User', '00000000-0000-4000-8000-000000000000') });
    expect(none).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  it('name a user who is deleted no more, and keep the event', async () => {
    const { user } = await makeUser();
    await database.user.delete({ where: { id: user.id } });
    const { edges } = await pageOf({ userId: globalIdOf('User', user.id) });
    expect(edges.map(({ node }) => node.kind).toSorted()).toEqual([
      'TOKEN_CREATED',
      'TOKEN_REVOKED',
      'USER_CREATED',
      'USER_DELETED',
    ]);
    expect(edges.map(({ node }) => node.user)).toEqual([null, null, null, null]);
  });

  it('look up those whom a page names in one query each, however many', async () => {
    for (let n = 0; n < 10; n++) await makeUser();
    world.queries.length = 0;
    await pageOf({ first: 20, kind: 'USER_CREATED' });
    const asked = world.queries.filter((sql) => sql.includes('"User"') && sql.includes('IN ('));
    expect(asked.length).toBeLessThanOrEqual(2);
    expect(world.queries.length).toBeLessThanOrEqual(4);
  });

  it.each([
    [
      'of a user that is none',
      { userId: globalIdOf('Token', staff.token.id) },
      'userId must be the global id of a user.',
    ],
    ['behind no cursor', { after: 'nonsense' }, 'This cursor is none that a page of events has given.'],
    [
      'behind a cursor of tokens',
      { before: Buffer.from('2026-01-01T00:00:00.000Z x').toString('base64url') },
      'This cursor is none that a page of events has given.',
    ],
    ['too many', { first: 101 }, 'first must be 0 to 100 (got 101).'],
  ])('are refused %s', async (_, variables, message) => {
    const { status, body } = await request(EVENTS, { key: staff.key, variables });
    expect({
      status,
      body: {
        errors: body.errors.map(
          ({ message, extensions: { code } }: { message: string; extensions: { code: string } }) => ({
            message,
            extensions: { code },
          }),
        ),
      },
    }).toEqual(BAD_REQUEST(message));
  });

  it('can be had by their ids, by staff whose token may, and by nobody else', async () => {
    const [edge] = (await pageOf()).edges;
    const ask = (key: string) =>
      request('query Event($id: ID!) { node(id: $id) { __typename id } }', { key, variables: { id: edge?.node.id } });
    expect((await ask(staff.key)).body).toEqual({ data: { node: { __typename: 'AuditEvent', id: edge?.node.id } } });
    const { key } = await makeUser();
    expect((await ask(key)).body).toEqual({ data: { node: null } });
    const narrow = await database.token.create({
      data: { userId: staff.user.id, kind: 'API', name: 'narrow', scopes: ['users:read', 'tokens:read'] },
    });
    const refused = await ask(keyOf(narrow, world.tokenSecrets));
    expect(refused).toMatchObject({
      status: 200,
      body: { data: { node: null }, errors: [{ extensions: { code: 'FORBIDDEN', requiredScopes: [['audit:read']] } }] },
    });
  });

  it('have a kind in the API for each in the database', async () => {
    const { body } = await request('{ __type(name: "AuditEventKind") { enumValues { name } } }');
    const names = body.data.__type.enumValues.map(({ name }: { name: string }) => name);
    expect(names.toSorted()).toEqual(Object.keys(AuditEventKind).toSorted());
  });
});
