import { describe, expect, it, onTestFinished } from 'vitest';
import { overloaded } from '../../src/errors.ts';
import { watchTokenLists } from '../token-lists.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld({ MAX_QUERY_DIRECTIVES: '200', MAX_QUERY_TOKENS: '2000' });
const { database, makeUser, request } = world;

/** The results of an answer in parts. */
async function partsOf(query: string, { key, headers }: { key?: string; headers?: Record<string, string> } = {}) {
  const reply = await world.endpoint.fetch('http://tessera.test/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'multipart/mixed',
      ...(key && { authorization: `Token ${key}` }),
      ...headers,
    },
    body: JSON.stringify({ query }),
  });
  const text = await reply.text();
  const parts = [...text.matchAll(/^({.*})\r?$/gm)].map(([, part = '']) => JSON.parse(part));
  return { status: reply.status, requestId: reply.headers.get('x-request-id'), parts };
}

describe('@defer and @stream', () => {
  it('bring a query’s answer in parts', async () => {
    const { key, user } = await makeUser();
    const query = `{ me { username ... @defer(label: "rest") { tokens { edges @stream { node { name } } } } } }`;
    expect(await partsOf(query, { key })).toMatchObject({
      status: 200,
      parts: [
        { data: { me: { username: user.username } }, hasNext: true },
        { incremental: [{ label: 'rest', path: ['me'], data: { tokens: { edges: [] } } }], hasNext: true },
        {
          incremental: [{ path: ['me', 'tokens', 'edges', 0], items: [{ node: { name: 'default' } }] }],
          hasNext: false,
        },
      ],
    });
  });

  it.each([
    '{ me { ... @defer { id } } }',
    '{ ... @defer { me { id } } }',
    '{ viewer { ... @defer { tokens { totalCount } } } me { id } }',
  ])('are judged whole, before anything is sent: %s', async (query) => {
    expect(await partsOf(query)).toMatchObject({
      status: 401,
      parts: [{ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }],
    });
    const { key, token } = await makeUser();
    await database.token.update({ where: { id: token.id }, data: { scopes: ['tokens:write'] } });
    expect(await partsOf(query, { key })).toMatchObject({
      status: 403,
      parts: [{ errors: [{ extensions: { code: 'FORBIDDEN' } }] }],
    });
  });

  it('tell of a fault inside in no more words than elsewhere, with the request’s id', async () => {
    const { key } = await makeUser();
    const lists = watchTokenLists(database);
    onTestFinished(() => lists.end());
    lists.mockRejectedValueOnce(new Error('the disk is on fire'));
    world.logged.length = 0;
    const { parts, requestId } = await partsOf('query Q { me { id ... @defer { tokens { totalCount } } } }', { key });
    expect(parts.at(-1)).toEqual({
      incremental: [
        {
          data: null,
          path: ['me'],
          errors: [
            {
              message: 'Internal server error.',
              locations: expect.anything(),
              path: ['me', 'tokens'],
              extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
            },
          ],
        },
      ],
      hasNext: false,
    });
    const lines = world.logged.map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { msg: 'request', requestId, operation: 'Q', outcome: 'ok', status: 200 },
      { msg: 'request failed', requestId, err: { message: 'the disk is on fire' } },
    ]);
  });

  it('tell of a refusal inside without what is for HTTP alone', async () => {
    const { key } = await makeUser();
    const lists = watchTokenLists(database);
    onTestFinished(() => lists.end());
    lists.mockRejectedValueOnce(overloaded());
    const { parts } = await partsOf('{ me { id ... @defer { tokens { totalCount } } } }', { key });
    expect(parts.at(-1).incremental[0].errors[0].extensions).toEqual({ code: 'OVERLOADED' });
  });

  it.each([
    [
      'in a mutation',
      (user: string) =>
        `mutation { obtainAuthToken(input: { username: "${user}", password: "${PASSWORD}", name: "x" }) { ... on IssuedToken @defer { key } } }`,
    ],
    [
      'in a mutation’s fragment',
      (user: string) => `fragment F on IssuedToken { token { ...G } } fragment G on Token { ... @defer { name } }
      mutation { obtainAuthToken(input: { username: "${user}", password: "${PASSWORD}", name: "x" }) { ...F } }`,
    ],
    ['in a subscription', () => 'subscription { tokenEvents { ... @defer { name } } }'],
  ])('are refused %s, of which nothing has happened then', async (_where, query) => {
    const { key, user } = await makeUser();
    const { status, parts } = await partsOf(query(user.username), { key, headers: { accept: 'application/json' } });
    expect([status, parts]).toMatchObject([400, [{ errors: [{ extensions: { code: 'BAD_REQUEST' } }] }]]);
    expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
  });

  it('may stand beside a mutation that is not the one to run', async () => {
    const { key } = await makeUser();
    const document = 'query Q { me { ... @defer { id } } } mutation M { revokeCurrentToken { __typename } }';
    const reply = await world.endpoint.fetch('http://tessera.test/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Token ${key}` },
      body: JSON.stringify({ query: document, operationName: 'M' }),
    });
    expect(await reply.json()).toEqual({ data: { revokeCurrentToken: { __typename: 'RevokedToken' } } });
  });

  it('count for much: each part is kept and waited for by itself', async () => {
    const { key } = await makeUser();
    const parts = (count: number) => `{ me { ${'... @defer { id } '.repeat(count)} } }`;
    expect((await partsOf(parts(150), { key })).status).toBe(200);
    const refused = await partsOf(parts(200), { key, headers: { accept: 'application/graphql-response+json' } });
    expect(refused).toMatchObject({
      status: 400,
      parts: [{ errors: [{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }] }],
    });
    const page =
      '{ tokens(first: 100) { edges { node { ... @defer { user { tokens { edges @stream { cursor } } } } } } } }';
    expect((await request(page, { key })).body).toMatchObject({
      errors: [{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }],
    });
  });

  it('leave it to graphql, which has a budget for it, to find fields that cannot be merged', async () => {
    expect((await request('{ me { x: id x: username } }')).body.errors).toHaveLength(1);
  });
});

describe('a stream that its client does not accept', () => {
  it.each([
    ['an answer in parts', 'query Parts { me { ... @defer { id } } }', 'Parts'],
    ['an answer with a list in parts', 'query List { tokens { edges @stream { cursor } } }', 'List'],
    ['a subscription', 'subscription Events { tokenEvents { kind } }', 'Events'],
  ])('is refused in words: %s', async (_what, query, operation) => {
    const { key } = await makeUser();
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      world.logged.length = 0;
      const { status, headers, body } = await request(query, { key, headers: { accept } });
      const message =
        'The answer comes as a stream: accept text/event-stream, or multipart/mixed for @defer and @stream.';
      expect([status, headers.get('content-type'), body]).toEqual([
        406,
        `${accept}; charset=utf-8`,
        { errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] },
      ]);
      expect(world.logged.map((line) => JSON.parse(line))).toMatchObject([
        { msg: 'request', operation, outcome: 'BAD_REQUEST', status: 406 },
      ]);
    }
  });
});
