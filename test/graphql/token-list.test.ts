import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

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

  it('cost one query, and one more for the count', async () => {
    const { key } = await makeOwner(5);
    for (const [fields, queries] of [
      ['edges { node { name user { username } } }', 1],
      ['totalCount edges { node { name } }', 2],
    ] as const) {
      world.queries.length = 0;
      expect((await request(`{ tokens { ${fields} } }`, { key })).status).toBe(200);
      // The first is the caller's own look-up.
      expect(world.queries.slice(1)).toHaveLength(queries);
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
