import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request } = world;

const TOKENS = `query Tokens($first: Int, $after: String, $last: Int, $before: String) {
  tokens(first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { name isCurrent } }
  }
}`;

interface Connection {
  totalCount: number;
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  edges: { cursor: string; node: { name: string; isCurrent: boolean } }[];
}

async function pageOf(key: string, variables: Record<string, unknown> = {}): Promise<Connection> {
  const { body } = await request(TOKENS, { key, variables });
  return body.data.tokens;
}

const namesOn = ({ edges }: Connection) => edges.map(({ node }) => node.name);

/** A user with the login token made first and so many others, several of them made in the same instant. */
async function makeOwner(more: number) {
  const owner = await makeUser();
  const made = owner.token.createdAt.getTime();
  const data = Array.from({ length: more }, (_, n) => ({
    userId: owner.user.id,
    kind: 'API' as const,
    name: `t${n}`,
    createdAt: new Date(made + 1_000 * (1 + Math.floor(n / 3))),
  }));
  await database.token.createMany({ data });
  const all = namesOn(await pageOf(owner.key, { first: 100 }));
  return { ...owner, all };
}

describe('tokens', () => {
  it('are the caller’s own, oldest first, twenty on a page unless told', async () => {
    await makeOwner(3);
    const { key, all } = await makeOwner(25);
    const page = await pageOf(key);
    expect(namesOn(page)).toEqual(all.slice(0, 20));
    expect(page).toMatchObject({
      totalCount: 26,
      pageInfo: {
        hasNextPage: true,
        hasPreviousPage: false,
        startCursor: page.edges[0]?.cursor,
        endCursor: page.edges[19]?.cursor,
      },
    });
    expect(page.edges[0]?.node).toEqual({ name: 'default', isCurrent: true });
    expect(page.edges.filter(({ node }) => node.isCurrent)).toHaveLength(1);
  });

  it('come once each and in order, whatever the size of the pages and from whichever end', async () => {
    const { key, all } = await makeOwner(11);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 14 }), fc.boolean(), async (size, fromEnd) => {
        const seen: string[] = [];
        let cursor: string | null = null;
        for (let isMore = true; isMore; ) {
          const page = await pageOf(key, fromEnd ? { last: size, before: cursor } : { first: size, after: cursor });
          seen.splice(fromEnd ? 0 : seen.length, 0, ...namesOn(page));
          cursor = fromEnd ? page.pageInfo.startCursor : page.pageInfo.endCursor;
          isMore = fromEnd ? page.pageInfo.hasPreviousPage : page.pageInfo.hasNextPage;
        }
        expect(seen).toEqual(all);
      }),
      { numRuns: 20 },
    );
  });

  it('go on behind a token that was revoked meanwhile', async () => {
    const { key, all, user } = await makeOwner(6);
    const { pageInfo } = await pageOf(key, { first: 3 });
    await database.token.deleteMany({ where: { userId: user.id, name: all[2] ?? '' } });
    expect(namesOn(await pageOf(key, { first: 3, after: pageInfo.endCursor }))).toEqual(all.slice(3, 6));
  });

  it('between two cursors are those between them', async () => {
    const { key, all } = await makeOwner(8);
    const { edges } = await pageOf(key, { first: 100 });
    const between = { after: edges[1]?.cursor, before: edges[6]?.cursor };
    expect(namesOn(await pageOf(key, between))).toEqual(all.slice(2, 6));
    expect(namesOn(await pageOf(key, { ...between, last: 2 }))).toEqual(all.slice(4, 6));
  });

  it('make an empty page without cursors', async () => {
    const { key } = await makeUser();
    expect(await pageOf(key, { first: 0 })).toMatchObject({
      totalCount: 1,
      edges: [],
      pageInfo: { startCursor: null, endCursor: null },
    });
  });

  it.each([
    [{ first: 101 }, 'first must be 0 to 100 (got 101).'],
    [{ last: -1 }, 'last must be 0 to 100 (got -1).'],
    [{ first: 1, last: 1 }, 'Send first or last, not both.'],
    [{ after: '' }, 'This cursor is none that a page of tokens has given.'],
    [{ before: 'nonsense' }, 'This cursor is none that a page of tokens has given.'],
    [{ after: btoa('2026-01-01T00:00:00.000Z x') }, 'This cursor is none that a page of tokens has given.'],
    [
      { after: btoa('0000-01-01T00:00:00.000Z 00000000-0000-0000-0000-000000000000') },
      'This cursor is none that a page of tokens has given.',
    ],
    [
      { after: btoa('+275760-01-01T00:00:00.000Z 00000000-0000-0000-0000-000000000000') },
      'This cursor is none that a page of tokens has given.',
    ],
  ])('are refused by what is wrong: %j', async (variables, message) => {
    const { key } = await makeUser();
    const { status, body } = await request(TOKENS, { key, variables });
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] },
    });
    expect(body.data ?? null).toBeNull();
  });

  it('are refused before anything runs where pages within pages come to too much', async () => {
    const { key } = await makeOwner(30);
    // So that the caller is known.
    await request('{ me { id } }', { key });
    const nested = (size: number) =>
      `{ tokens(first: ${size}) { edges { node { user { tokens(first: ${size}) { edges { node { user { tokens(first: ${size}) { edges { cursor } } } } } } } } } } }`;
    for (const [accept, status] of [
      ['application/json', 200],
      ['application/graphql-response+json', 400],
    ] as const) {
      world.queries.length = 0;
      const reply = await request(nested(50), { key, headers: { accept } });
      expect({ status: reply.status, body: reply.body }).toEqual({
        status,
        body: {
          errors: [
            {
              message:
                'The operation can come to 260,201 values; 10,000 are allowed. ' +
                'Ask for smaller pages, or for fewer of them within one another.',
              extensions: { code: 'OPERATION_TOO_COMPLEX', found: 260_201, limit: 10_000 },
            },
          ],
        },
      });
      expect(world.queries).toEqual([]);
    }
    expect((await request(nested(5), { key })).body.errors).toBeUndefined();
  });

  it('are counted through fragments, variables and whichever end is asked for, each once', async () => {
    const { key } = await makeUser();
    const fragments = Array.from(
      { length: 40 },
      (_, n) => `fragment F${n} on User { tokens(last: $n) { edges { node { user { ...F${n + 1} ...F${n + 1} } } } } }`,
    ).join(' ');
    const query = `query($n: Int) { me { ...F0 } } ${fragments} fragment F40 on User { id }`;
    const { body } = await request(query, { key, variables: { n: 2 } });
    expect(body).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }] });
    const whole = `{ tokens(first: 100) { totalCount edges { cursor node {
      id name kind scopes createdAt expiresAt lastUsedAt isCurrent user { id username } } } } }`;
    expect((await request(whole, { key })).body.errors).toBeUndefined();
  });

  it.each(['first: 101', 'after: "nonsense"'])(
    'leave a mutation undone that asks for a page that cannot be: %s',
    async (page) => {
      const { key, token, user } = await makeUser();
      const login = `obtainAuthToken(input: { username: "${user.username}", password: "${PASSWORD}" })`;
      const query = `mutation {
      revokeCurrentToken { __typename }
      ${login} { ... on IssuedToken { token { user { tokens(${page}) { totalCount } } } } }
    }`;
      const { status, body } = await request(query, { key });
      expect({ status, code: body.errors?.[0].extensions.code }).toEqual({ status: 400, code: 'BAD_REQUEST' });
      expect(await database.token.count({ where: { id: token.id } })).toBe(1);
    },
  );

  it('cost one query, and one more for the count', async () => {
    const { key } = await makeOwner(5);
    // So that the caller is known.
    await request('{ me { id } }', { key });
    for (const [fields, queries] of [
      ['edges { node { name user { username } } }', 1],
      ['totalCount edges { node { name } }', 2],
    ] as const) {
      world.queries.length = 0;
      expect((await request(`{ tokens { ${fields} } }`, { key })).status).toBe(200);
      expect(world.queries).toHaveLength(queries);
    }
  });
});

describe('User.tokens', () => {
  it('shows staff those of others, and anybody his own', async () => {
    const owner = await makeOwner(2);
    const staff = await makeUser(undefined, { isStaff: true });
    const own = await request('{ me { id tokens { totalCount edges { node { name } } } } }', { key: owner.key });
    expect(own.body.data.me.tokens).toMatchObject({ totalCount: 3 });
    const { body } = await request(
      'query($id: ID!) { node(id: $id) { ... on User { username tokens(first: 1) { edges { node { name isCurrent } } } } } }',
      { key: staff.key, variables: { id: own.body.data.me.id } },
    );
    expect(body).toEqual({
      data: {
        node: { username: owner.user.username, tokens: { edges: [{ node: { name: 'default', isCurrent: false } }] } },
      },
    });
  });
});
