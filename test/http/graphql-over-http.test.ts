import { describe, expect, it, vi } from 'vitest';
import { findViewer } from '../../src/accounts/viewers.ts';
import { newTokenId } from '../../src/auth/key.ts';
import type { Viewer } from '../../src/auth/viewer.ts';
import { RequestRefused } from '../../src/errors.ts';
import { createGraphQLServer } from '../../src/http/yoga.ts';
import { createLog } from '../../src/log.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, endpoint, makeUser, request } = world;

const URL = 'http://tessera.test/graphql';
const RESPONSE_JSON = 'application/graphql-response+json';

async function post(body: BodyInit, headers: Record<string, string> = {}) {
  const reply = await endpoint.fetch(URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  return { status: reply.status, body: JSON.parse((await reply.text()) || 'null') };
}

function codesOf(body: { errors?: { extensions?: { code?: string } }[] }) {
  return body.errors?.map(({ extensions }) => extensions?.code);
}

describe('a malformed request', () => {
  const big = JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(10_000_000) } });
  it.each([
    ['a body that is not JSON', '{"query":', 'BAD_REQUEST'],
    ['an empty body', '', 'BAD_REQUEST'],
    ['a JSON string', '"{ __typename }"', 'BAD_REQUEST'],
    ['JSON null', 'null', 'BAD_REQUEST'],
    ['a batch', '[{"query":"{ __typename }"}]', 'BAD_REQUEST'],
    ['no query', '{}', 'BAD_REQUEST'],
    ['a query that is no string', '{"query":{"a":1}}', 'BAD_REQUEST'],
    ['an operation name that is no string', '{"query":"{ __typename }","operationName":{"a":1}}', 'BAD_REQUEST'],
    ['variables that are no object', '{"query":"{ __typename }","variables":"x"}', 'BAD_REQUEST'],
    ['an unknown parameter', '{"query":"{ __typename }","nonsense":1}', 'BAD_REQUEST'],
    [
      'a document nested 5,000 deep',
      JSON.stringify({ query: `${'{a'.repeat(5_000)}${'}'.repeat(5_000)}` }),
      'BAD_REQUEST',
    ],
    [
      'an argument nested 20,000 deep',
      JSON.stringify({ query: `{ node(id: ${'['.repeat(20_000)}${']'.repeat(20_000)}) { id } }` }),
      'BAD_REQUEST',
    ],
  ])('is answered with 400: %s', async (_case, body, code) => {
    for (const accept of ['application/json', RESPONSE_JSON]) {
      const reply = await post(body, { accept });
      expect({ status: reply.status, codes: codesOf(reply.body) }).toEqual({ status: 400, codes: [code] });
    }
  });

  it('is answered with 413: 10 MB', async () => {
    for (const accept of ['application/json', RESPONSE_JSON]) {
      const reply = await post(big, { accept });
      expect({ status: reply.status, codes: codesOf(reply.body) }).toEqual({ status: 413, codes: ['BAD_REQUEST'] });
    }
  });

  it.each([
    ['a document that does not parse', '{ me', undefined, 'GRAPHQL_PARSE_FAILED'],
    // Counted bracket by bracket from each quote anew, this one would keep the server for minutes.
    [
      'a string of escaped quotes without an end',
      `{ a(b: "${'\\"'.repeat(240_000)}`,
      undefined,
      'GRAPHQL_PARSE_FAILED',
    ],
    [
      'a block of escaped quotes without an end',
      `{ a(b: """${'\\"""'.repeat(120_000)}`,
      undefined,
      'GRAPHQL_PARSE_FAILED',
    ],
    ['an unknown field', '{ nonsense }', undefined, 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown argument', '{ me(x: 1) { id } }', undefined, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a variable that does not fit',
      'query($id: ID!) { node(id: $id) { id } }',
      { id: { a: 1 } },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'two operations and no name',
      'query a { __typename } query b { __typename }',
      undefined,
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])('is answered by media type: %s', async (_case, query, variables, code) => {
    const { key } = await makeUser();
    for (const [accept, status] of [
      ['application/json', 200],
      [RESPONSE_JSON, 400],
    ] as const) {
      const reply = await request(query, { key, headers: { accept }, ...(variables && { variables }) });
      expect({ status: reply.status, codes: codesOf(reply.body), data: reply.body.data }).toEqual({
        status,
        codes: [code],
        data: undefined,
      });
    }
  });

  it('is answered with 400 when the query string’s variables are not JSON', async () => {
    const reply = await endpoint.fetch(`${URL}?query=${encodeURIComponent('{ __typename }')}&variables={`);
    expect({ status: reply.status, codes: codesOf(await reply.json()) }).toEqual({
      status: 400,
      codes: ['BAD_REQUEST'],
    });
  });

  it('is not one whose strings and comments are full of brackets', async () => {
    const query = `{ __typename # ${'{'.repeat(500)}\n node(id: "${'('.repeat(500)}") { id } }`;
    const { key } = await makeUser();
    expect(await request(query, { key })).toMatchObject({ status: 200, body: { data: { node: null } } });
  });

  it('is refused by method and media type', async () => {
    expect((await endpoint.fetch(URL, { method: 'PUT', body: '{}' })).status).toBe(405);
    expect((await post('{ __typename }', { 'content-type': 'text/plain' })).status).toBe(415);
    const get = await endpoint.fetch(
      `${URL}?query=${encodeURIComponent('mutation { revokeCurrentToken { __typename } }')}`,
    );
    expect(get.status).toBe(405);
    expect((await endpoint.fetch('http://tessera.test/nowhere')).status).toBe(404);
  });
});

describe('the status', () => {
  it('is 401 without data when the whole request is refused, under both media types', async () => {
    for (const accept of ['application/json', RESPONSE_JSON]) {
      const { status, body } = await request('{ viewer { id } me { id } }', { headers: { accept } });
      expect({ status, body }).toEqual({
        status: 401,
        body: {
          errors: [
            { message: 'Authentication credentials were not provided.', extensions: { code: 'UNAUTHENTICATED' } },
          ],
        },
      });
    }
  });

  it('is 200 for anonymous { __typename }', async () => {
    expect(await request('{ __typename }')).toMatchObject({ status: 200, body: { data: { __typename: 'Query' } } });
  });

  it.each([
    ['401', 'UNAUTHENTICATED', { 'www-authenticate': 'Token' }],
    ['401', 'AUTHENTICATION_FAILED', { 'www-authenticate': 'Token' }],
    ['403', 'FORBIDDEN', {}],
    ['429', 'THROTTLED', { 'retry-after': '20' }],
    ['503', 'OVERLOADED', { 'retry-after': '1' }],
  ] as const)('is %s (%s) only when nothing of the request ran, under each media type', async (status, code, extra) => {
    const headers = Object.fromEntries(
      Object.entries(extra).map(([name, value]) => [
        name === 'retry-after' ? 'Retry-After' : 'WWW-Authenticate',
        value,
      ]),
    );
    for (const accept of ['application/json', RESPONSE_JSON, undefined, '*/*']) {
      for (const beside of ['', '__typename']) {
        const refusal = new RequestRefused(code, undefined, headers);
        const refusing = createGraphQLServer({
          context: {
            database,
            passwords: { ...world.passwords, verify: () => Promise.reject(refusal) },
            throttle: world.throttle,
            registrations: world.registrations,
            tokenSecrets: world.tokenSecrets,
            accessTokens: null,
            authentication: world.config.authentication,
            log: createLog({ env: 'test', logLevel: 'silent' }),
            registration: 'open',
            tokenRules: world.tokenRules,
            queryLimits: world.config.queryLimits,
            tokenEvents: world.streams.tokenEvents,
            now: () => world.clock.now,
          },
          schemes: [],
          sessions: null,
          trustedProxies: [],
          rateLimits: { perAddress: null, perUser: null },
          signingKeys: null,
          changes: world.changes,
          streams: world.streams,
          cors: { origins: [], trustedOrigins: [] },
          counting: null,
          tracing: null,
          trustedDocuments: null,
          hasGraphiQL: false,
          hasIntrospection: true,
          mostBodyBytes: 1_000_000,
          isTls: false,
          log: createLog({ env: 'test', logLevel: 'silent' }),
        });
        const query = `mutation { ${beside} obtainAuthToken(input: { username: "x", password: "y" }) { __typename } }`;
        const reply = await refusing.fetch(URL, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(accept && { accept }) },
          body: JSON.stringify({ query }),
        });
        const body = await reply.json();
        // A non-null root field takes all data along: nothing is left of it, not even its neighbour.
        expect({ status: reply.status, codes: codesOf(body), data: body.data ?? null }).toEqual({
          status: Number(status),
          codes: [code],
          data: null,
        });
        expect(Object.fromEntries(Object.keys(extra).map((name) => [name, reply.headers.get(name)]))).toEqual(extra);
      }
    }
  });

  it.each(['UNAUTHENTICATED', 'AUTHENTICATION_FAILED', 'FORBIDDEN', 'THROTTLED', 'OVERLOADED'] as const)(
    'is 200 where data stands beside %s, under each media type, and no header of the refusal is sent',
    async (code) => {
      const { token } = await makeUser();
      const viewer = await findViewer(database, token.id);
      const headers = { 'Retry-After': '20', 'WWW-Authenticate': 'Token' };
      const refusing = createGraphQLServer({
        context: {
          // Only what the one field that is asked for reads.
          database: {
            token: { findUnique: () => Promise.reject(new RequestRefused(code, undefined, headers)) },
          } as never,
          passwords: world.passwords,
          throttle: world.throttle,
          registrations: world.registrations,
          tokenSecrets: world.tokenSecrets,
          accessTokens: null,
          authentication: world.config.authentication,
          log: createLog({ env: 'test', logLevel: 'silent' }),
          registration: 'open',
          tokenRules: world.tokenRules,
          queryLimits: world.config.queryLimits,
          tokenEvents: world.streams.tokenEvents,
          now: () => world.clock.now,
        },
        schemes: [
          {
            name: 'token',
            challenge: 'Token',
            isAmbient: false,
            read: () => ({ authenticate: async () => viewer as Viewer }),
          },
        ],
        sessions: null,
        trustedProxies: [],
        rateLimits: { perAddress: null, perUser: null },
        signingKeys: null,
        changes: world.changes,
        streams: world.streams,
        cors: { origins: [], trustedOrigins: [] },
        counting: null,
        tracing: null,
        trustedDocuments: null,
        hasGraphiQL: false,
        hasIntrospection: true,
        mostBodyBytes: 1_000_000,
        isTls: false,
        log: createLog({ env: 'test', logLevel: 'silent' }),
      });
      const id = btoa(`Token:${newTokenId()}`);
      for (const accept of ['application/json', RESPONSE_JSON]) {
        const reply = await refusing.fetch(URL, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept },
          body: JSON.stringify({ query: `{ node(id: "${id}") { id } }` }),
        });
        const body = await reply.json();
        expect({ status: reply.status, codes: codesOf(body), data: body.data }).toEqual({
          status: 200,
          codes: [code],
          data: { node: null },
        });
        expect([reply.headers.get('retry-after'), reply.headers.get('www-authenticate')]).toEqual([null, null]);
      }
    },
  );

  it('is 500 with an id, and nothing of the error, when the server is at fault', async () => {
    const { key } = await makeUser();
    vi.spyOn(database, '$read').mockRejectedValueOnce(new Error('the secret inner workings'));
    world.logged.length = 0;
    const { status, body, headers } = await request('query Who { me { id } }', { key });
    const requestId = headers.get('x-request-id');
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect({ status, body }).toEqual({
      status: 500,
      body: {
        errors: [{ message: 'Internal server error.', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId } }],
      },
    });
    expect(world.logged.map((text) => JSON.parse(text))).toEqual([
      expect.objectContaining({
        level: 50,
        requestId,
        err: expect.objectContaining({ message: 'the secret inner workings', stack: expect.any(String) }),
      }),
      expect.objectContaining({
        level: 30,
        requestId,
        operation: 'Who',
        outcome: 'INTERNAL_SERVER_ERROR',
        status: 500,
        userId: null,
      }),
    ]);
  });
});

describe('a whole operation', () => {
  it('is judged before any of it runs', async () => {
    const { key, user } = await makeUser();
    const closed = world.endpointWith({ REGISTRATION: 'closed' });
    const mutation = `mutation {
      revokeCurrentToken { __typename }
      createUser(input: { username: "half", password: "a fine long password" }) { __typename }
    }`;
    const { status, body } = await request(mutation, { key }, closed);
    expect({ status, codes: codesOf(body), data: body.data }).toEqual({
      status: 403,
      codes: ['FORBIDDEN'],
      data: undefined,
    });
    expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
    expect(await database.user.count({ where: { usernameKey: 'half' } })).toBe(0);
  });

  it('overlooks bad credentials only when every root field is a way in', async () => {
    const headers = { authorization: 'Token stale' };
    const login = 'obtainAuthToken(input: { username: "x", password: "y" }) { __typename }';
    const fine = await request(`mutation { a: ${login} ...F } fragment F on Mutation { b: ${login} }`, { headers });
    expect(fine.status).toBe(200);
    const mixed = await request(`mutation { ${login} revokeCurrentToken { __typename } }`, { headers });
    expect({ status: mixed.status, body: mixed.body }).toEqual({
      status: 401,
      body: { errors: [{ message: 'Invalid token.', extensions: { code: 'AUTHENTICATION_FAILED' } }] },
    });
    const named = await request(`mutation { ${login} __typename }`, { headers });
    expect(named.status).toBe(200);
  });

  it('is not refused for what @skip and @include leave out', async () => {
    const query =
      'query($no: Boolean!) { __typename me @include(if: $no) { id } ...F @skip(if: true) } fragment F on Query { me { id } }';
    expect(await request(query, { variables: { no: false } })).toMatchObject({
      status: 200,
      body: { data: { __typename: 'Query' } },
    });
    expect((await request(query, { variables: { no: true } })).status).toBe(401);
  });

  it('is judged through every fragment and inline fragment', async () => {
    for (const query of [
      'query { ...A } fragment A on Query { ...B } fragment B on Query { m: me { id } }',
      '{ ... { ... on Query { me { id } } } }',
    ]) {
      expect((await request(query)).status, query).toBe(401);
    }
  });
});

describe('an answer', () => {
  it('is for no cache and no other caller', async () => {
    const { key } = await makeUser();
    for (const reply of [await request('{ me { id } }', { key }), await request('{ me { id } }')]) {
      expect(reply.headers.get('cache-control')).toBe('private, no-store');
      expect(reply.headers.get('vary')).toBe('Authorization, Token, Cookie');
      expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('carries no CORS headers', async () => {
    const { headers } = await request('{ __typename }', { headers: { origin: 'https://elsewhere.example' } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('GraphiQL', () => {
  const ask = { headers: { accept: 'text/html' } };

  it('is served in development, whole, from this machine alone', async () => {
    const page = await world.endpointWith({ NODE_ENV: 'development', BCRYPT_COST: '10' }).fetch(URL, ask);
    const html = await page.text();
    expect(page.status).toBe(200);
    expect(html).toContain('<title>Tessera</title>');
    expect(html).not.toMatch(/<(script|link)[^>]+(src|href)="?https?:/);
  });

  it('is not served in production', async () => {
    const production = world.endpointWith({
      NODE_ENV: 'production',
      BCRYPT_COST: '10',
      PUBLIC_URL: 'https://tessera.test',
    });
    expect((await production.fetch(URL, ask)).status).toBe(406);
  });
});
