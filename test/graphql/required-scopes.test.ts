import fc from 'fast-check';
import { buildSchema, extendSchema, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/auth/key.ts';
import { findRefusal, rulesOf, scopesNeeded } from '../../src/graphql/authorize-operation.ts';
import type { Context } from '../../src/graphql/context.ts';
import { readDocument } from '../../src/graphql/read-document.ts';
import { schema } from '../../src/graphql/schema.ts';
import { declaredScopes } from '../../src/graphql/scopes.ts';
import { blocksOf } from '../clients/blocks.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld({ MAX_QUERY_ALIASES: '10000', MAX_QUERY_TOKENS: '100000' });
const { database, makeUser, request, tokenSecrets } = world;

const ASK = `query Ask($document: String!, $operationName: String) {
  requiredScopes(document: $document, operationName: $operationName) { scopes public missing }
}`;

let made = 0;
/** The key of a new token with these scopes alone. */
async function keyWith(userId: string, ...scopes: string[]) {
  const token = await database.token.create({ data: { userId, kind: 'API', name: `made ${++made}`, scopes } });
  return keyOf(token, tokenSecrets);
}

/** What the API says of this document; the whole reply where it refuses. */
async function ask(document: string, key?: string, operationName?: string) {
  const { body } = await request(ASK, { ...(key && { key }), variables: { document, operationName } });
  return body.errors ? body : body.data.requiredScopes;
}

async function refusalOf(document: string, key: string, variables?: Record<string, unknown>) {
  const { status, body } = await request(document, { key, ...(variables && { variables }) });
  return status === 403 && !('data' in body) ? body.errors : { status, body };
}

function forWantOf(...requiredScopes: string[][]) {
  const message = 'You do not have permission to perform this action.';
  return [{ message, extensions: { code: 'FORBIDDEN', requiredScopes } }];
}

const { user } = await makeUser();
const { user: staff } = await makeUser(undefined, { isStaff: true });

describe('a refusal for want of scopes', () => {
  it('names all that the whole operation lacks, at whatever depth, and not what the token holds', async () => {
    const document = `{
      currentToken { ...Whose }
      tokens { edges { node { name } } }
      node(id: "x") { ... on Node { ... on User { username } } }
    }
    fragment Whose on Token { user { ...Deep } }
    fragment Deep on User { tokens { totalCount } }`;
    expect(await refusalOf(document, await keyWith(user.id))).toEqual(forWantOf(['account:read', 'tokens:read']));
    expect(await refusalOf(document, await keyWith(user.id, 'tokens:read'))).toEqual(forWantOf(['account:read']));
    expect(await refusalOf(document, await keyWith(user.id, 'account:read'))).toEqual(forWantOf(['tokens:read']));
    const both = await keyWith(user.id, 'account:read', 'tokens:read');
    expect((await request(document, { key: both })).status).toBe(200);
  });

  it('gives alternatives where one of several is enough, and to staff alone those that staff can use', async () => {
    const own = '{ currentToken { user { email } } }';
    expect(await refusalOf(own, await keyWith(user.id))).toEqual(forWantOf(['account:read']));
    expect(await refusalOf(own, await keyWith(staff.id))).toEqual(forWantOf(['account:read'], ['users:read']));
    const any = '{ node(id: "x") { id } }';
    expect(await refusalOf(any, await keyWith(user.id))).toEqual(
      forWantOf(['account:read'], ['audit:read'], ['tokens:read'], ['users:read']),
    );
  });

  it('asks, of a node, for what the type needs that a fragment names', async () => {
    const tokenOnly = 'query ($id: ID!) { node(id: $id) { ...T } } fragment T on Token { name }';
    expect(await refusalOf(tokenOnly, await keyWith(user.id, 'account:read'), { id: 'x' })).toEqual(
      forWantOf(['tokens:read']),
    );
    const both = '{ a: node(id: "x") { ... on User { id } } b: node(id: "x") { ... on Token { id } } }';
    expect(await refusalOf(both, await keyWith(user.id))).toEqual(forWantOf(['account:read', 'tokens:read']));
  });

  it('leaves out what @skip and @include leave out', async () => {
    const document = `query ($all: Boolean!) {
      currentToken { name user @include(if: $all) { username } }
      ... @skip(if: true) { me { id } }
      tokens @include(if: $all) { totalCount }
    }`;
    const key = await keyWith(user.id);
    expect(await refusalOf(document, key, { all: true })).toEqual(forWantOf(['account:read', 'tokens:read']));
    expect(await request(document, { key, variables: { all: false } })).toMatchObject({
      status: 200,
      body: { data: { currentToken: { name: expect.any(String) } } },
    });
  });

  it('comes before anything is done: of a mutation of which one part lacks a scope, nothing', async () => {
    const { user: owner, token } = await makeUser();
    const key = await keyWith(owner.id, 'tokens:write');
    const id = btoa(`Token:${token.id}`);
    const revoke = `revokeToken(id: "${id}") { __typename }`;
    const register = `createUser(input: { username: "half-done", password: "${PASSWORD}" }) { __typename }`;
    const closed = world.endpointWith({ REGISTRATION: 'closed' });
    const staffKey = await keyWith(staff.id, 'account:read');
    const { status, body } = await request(`mutation { ${register} ${revoke} }`, { key: staffKey }, closed);
    expect({ status, errors: body.errors }).toEqual({
      status: 403,
      errors: forWantOf(['tokens:write', 'users:write']),
    });
    expect(await database.user.count({ where: { username: 'half-done' } })).toBe(0);
    // The part that lacks it may come last.
    const lacking = await keyWith(owner.id, 'account:read');
    expect(await refusalOf(`mutation { revokeCurrentToken { __typename } ${revoke} }`, lacking)).toEqual(
      forWantOf(['tokens:write']),
    );
    expect((await request('{ currentToken { name } }', { key: lacking })).status).toBe(200);
    expect((await request(`mutation { ${revoke} }`, { key })).body).toEqual({
      data: { revokeToken: { __typename: 'RevokedToken' } },
    });
  });

  it('is what the guide for clients shows', async () => {
    const blocks = ['graphql', 'json'].map((language) =>
      blocksOf('docs/guides/clients.md', language).flatMap(({ name, text }) => (name === 'scopes' ? [text] : [])),
    );
    const [[document = '', asking = ''] = [], answers = []] = blocks;
    const key = await keyWith(user.id, 'account:read');
    const refused = await request(document, { key });
    expect(refused.status).toBe(403);
    const asked = await request(asking, { key, variables: { document } });
    expect([refused, asked].map(({ body }) => `${JSON.stringify(body)}\n`)).toEqual(answers);
  });

  it('is not given to whoever proves himself in the same operation, for what is his', async () => {
    const key = await keyWith(staff.id);
    const { username } = user;
    const logIn = `mutation { obtainAuthToken(input: { username: "${username}", password: "${PASSWORD}" }) {
      ... on IssuedToken { token { user { email tokens { totalCount } } } }
    } }`;
    expect(await request(logIn, { key })).toMatchObject({
      status: 200,
      body: { data: { obtainAuthToken: { token: { user: { email: user.email } } } } },
    });
  });
});

it('keeps a new token from being made whose answer could not be read', async () => {
  const document = `mutation {
    createToken(input: { name: "lost", scopes: [] }) { ... on IssuedToken { key token { user { username } } } }
  }`;
  expect(await refusalOf(document, await keyWith(staff.id, 'tokens:write', 'users:read'))).toEqual(
    forWantOf(['account:read']),
  );
  expect(await database.token.count({ where: { name: 'lost' } })).toBe(0);
  const enough = await keyWith(staff.id, 'tokens:write', 'account:read');
  expect((await request(document, { key: enough })).body).toMatchObject({
    data: { createToken: { token: { user: { username: staff.username } } } },
  });
});

it('asks a mutation in advance for the scopes of what is its caller’s own, so that it does not half happen', () => {
  const extended = extendSchema(
    schema,
    parse('extend type Mutation { token: Token } extend type Query { token: Token }'),
  );
  const neededFor = (document: string) =>
    scopesNeeded(rulesOf(readDocument(extended, document, null, world.config.queryLimits)), {
      viewer: null,
      registration: 'open',
    });
  expect(neededFor('mutation { token { user { tokens { totalCount } } } }')).toEqual([['account:read', 'tokens:read']]);
  expect(neededFor('query { token { user { tokens { totalCount } } } }')).toEqual([
    ['account:read', 'tokens:read'],
    ['tokens:read', 'users:read'],
  ]);
});

it('refuses as too complex what too many combinations of scopes would allow', () => {
  const made = buildSchema(`type Query { ${Array.from({ length: 8 }, (_, index) => `f${index}: Int`).join(' ')} }`);
  for (const [name, field] of Object.entries(made.getQueryType()?.getFields() ?? {})) {
    field.extensions = { pothosOptions: { authScopes: { scopes: [[`${name}:read`], [`${name}:write`]] } } };
  }
  const operation = readDocument(made, '{ f0 f1 f2 f3 f4 f5 f6 f7 }', null, world.config.queryLimits);
  const nobody = { viewer: { user: {}, token: { scopes: [] } } } as unknown as Context;
  const complaint = { code: 'OPERATION_TOO_COMPLEX' };
  expect(() => findRefusal(operation, nobody)).toThrow(expect.objectContaining(complaint));
  expect(() => scopesNeeded(rulesOf(operation), nobody)).toThrow(expect.objectContaining(complaint));
});

describe('a token of staff', () => {
  const globalId = (type: string, id: string) => btoa(`${type}:${id}`);

  it('may do no more with others than a user’s, without users:read and users:write', async () => {
    const { user: other, token } = await makeUser();
    const every = declaredScopes().map(({ name }) => name);
    const few = every.filter((name) => !name.startsWith('users:'));
    const document = 'query ($id: ID!) { node(id: $id) { id } }';
    for (const id of [globalId('User', other.id), globalId('Token', token.id), globalId('Token', user.id)]) {
      const asStaff = await request(document, { key: await keyWith(staff.id, ...few), variables: { id } });
      // Told of what there is not just the same.
      expect(asStaff.body).toEqual({
        data: { node: null },
        errors: [{ ...forWantOf(['users:read'])[0], locations: [expect.anything()], path: ['node'] }],
      });
      expect((await request(document, { key: await keyWith(user.id, ...every), variables: { id } })).body).toEqual({
        data: { node: null },
      });
    }
    const whole =
      'query ($id: ID!) { node(id: $id) { ... on User { email tokens { edges { node { user { id } } } } } } }';
    const key = await keyWith(staff.id, 'users:read', 'tokens:read');
    expect((await request(whole, { key, variables: { id: globalId('User', other.id) } })).body).toEqual({
      data: {
        node: { email: other.email, tokens: { edges: [{ node: { user: { id: globalId('User', other.id) } } }] } },
      },
    });
  });
});

describe('Query.scopes', () => {
  it('tells strangers every scope there is', async () => {
    const { body } = await request('{ scopes { name description } }');
    expect(body).toEqual({ data: { scopes: declaredScopes() } });
    expect(body.data.scopes.map(({ name }: { name: string }) => name)).toEqual([
      'account:read',
      'account:write',
      'audit:read',
      'tokens:introspect',
      'tokens:read',
      'tokens:write',
      'users:read',
      'users:write',
    ]);
  });
});

describe('Query.requiredScopes', () => {
  it('tells what a document needs, whether it is public, and what the token lacks, and runs nothing', async () => {
    const document = 'mutation { revokeCurrentToken { __typename ... on RevokedToken { name } } }';
    const whole = await keyWith(user.id, '*');
    expect(await ask(document, whole)).toEqual({ scopes: [], public: false, missing: [] });
    const mixed = 'query A { me { tokens { totalCount } } } query B { viewer { id } } query C { __typename }';
    const some = await keyWith(user.id, 'tokens:read');
    expect(await ask(mixed, some, 'A')).toEqual({
      scopes: [['account:read', 'tokens:read']],
      public: false,
      missing: [['account:read']],
    });
    expect(await ask(mixed, whole, 'A')).toMatchObject({ missing: [] });
    expect(await ask(mixed, some, 'B')).toEqual({
      scopes: [['account:read']],
      public: true,
      missing: [['account:read']],
    });
    expect(await ask(mixed, some, 'C')).toEqual({ scopes: [], public: true, missing: [] });
    expect((await request('{ currentToken { name } }', { key: whole })).status).toBe(200);
  });

  it('tells a stranger that all is missing', async () => {
    expect(await ask('{ tokens { totalCount } }')).toEqual({
      scopes: [['tokens:read']],
      public: false,
      missing: [['tokens:read']],
    });
  });

  it('counts what variables decide, and leaves out what never runs', async () => {
    const document = `query ($maybe: Boolean = false, $id: ID!) {
      viewer { id }
      tokens @include(if: $maybe) { totalCount }
      ... @skip(if: $maybe) { node(id: $id) { ... on User { id } } }
      me @include(if: false) { id }
    }`;
    expect(await ask(document, await keyWith(staff.id))).toMatchObject({
      scopes: [['account:read', 'tokens:read']],
    });
  });

  it('depends on whether registration is open', async () => {
    const document = 'mutation { createUser(input: { username: "a", password: "b" }) { __typename } }';
    const options = { variables: { document } };
    const closed = await request(ASK, options, world.endpointWith({ REGISTRATION: 'closed' }));
    expect((await request(ASK, options)).body.data.requiredScopes).toEqual({ scopes: [], public: true, missing: [] });
    expect(closed.body.data.requiredScopes).toEqual({
      scopes: [['users:write']],
      public: false,
      missing: [['users:write']],
    });
  });

  const selections = [
    'me { email }',
    'viewer { username }',
    'currentToken { user { tokens { totalCount } } }',
    'currentToken { name }',
    'tokens { edges { node { user { id } } } }',
    'node(id: "x") { id }',
    'node(id: "x") { ... on Token { name } }',
    'scopes { name }',
  ];
  const scopes = declaredScopes().map(({ name }) => name);

  it('says what a request with the same token is refused for, and what is enough', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...selections), { minLength: 1 }),
        fc.subarray(scopes),
        fc.constantFrom(user, staff),
        async (selected, held, { id }) => {
          const document = `{ ${selected.map((selection, index) => `s${index}: ${selection}`).join(' ')} }`;
          const key = await keyWith(id, ...held);
          const { scopes: needed, missing } = await ask(document, key);
          const { body } = await request(document, { key });
          const refusal = body.data ? null : body.errors[0];
          if (refusal?.path) {
            // Staff may read a row for one of two reasons, and whose it is, is seen at the field.
            expect({ id, missing }).toEqual({ id: staff.id, missing: [] });
            expect(held).toContain('users:read');
          } else {
            expect(refusal?.extensions.requiredScopes ?? []).toEqual(missing);
          }
          for (const enough of needed) {
            // What is selected here is one's own.
            if (enough.some((scope: string) => scope.startsWith('users:'))) continue;
            const again = await request(document, { key: await keyWith(id, ...enough) });
            expect(again.body).toEqual({ data: expect.anything() });
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  const deep = `{ ${'... { '.repeat(200)}__typename${' }'.repeat(200)} }`;
  const pages = '{ tokens(first: 100) { edges { node { user { tokens(first: 100) { edges { node { id } } } } } } } }';
  const refusedDocuments = {
    'no document': '',
    'one that breaks off': '{ me { id ',
    'an unknown field': '{ viewer { usernam } }',
    'an unknown type': '{ viewer { ... on Usr { id } } }',
    'types instead of operations': 'type A { id: ID }',
    'a fragment in itself': '{ viewer { ...F } } fragment F on User { ...F }',
    'several operations': 'query A { me { id } } query B { me { id } }',
    'an operation of no known kind': 'subscription { nothing }',
    'one that nests too deep': deep,
    'fragments too deep for the stack': `{ ...F0 } ${Array.from({ length: 9000 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} }`).join(' ')} fragment F9000 on Query { __typename }`,
    'pages that multiply': pages,
    'a page that cannot be': '{ tokens(first: 101) { totalCount } }',
  };

  it.each(Object.entries(refusedDocuments))('refuses %s as a request is refused', async (_name, document) => {
    const key = await keyWith(user.id, '*');
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const asked = await request(ASK, { key, headers: { accept }, variables: { document } });
      const sent = await request(document, { key, headers: { accept } });
      expect(asked.body).toEqual({ data: null, errors: [expect.anything()] });
      expect([asked.status, asked.body.errors[0].extensions.code]).toEqual([
        sent.status,
        sent.body.errors[0].extensions.code,
      ]);
      expect(JSON.stringify(asked.body)).not.toContain('Did you mean');
    }
  });

  it('says where a document is wrong, and suggests nothing', async () => {
    expect(await ask('query {\n  viewer { usernam }\n  toknes { id }\n}')).toEqual({
      data: null,
      errors: [
        {
          message:
            'Cannot query field "usernam" on type "User". (line 2, column 12)\n' +
            'Cannot query field "toknes" on type "Query". (line 3, column 3)',
          locations: [{ line: 2, column: 3 }],
          path: ['requiredScopes'],
          extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
        },
      ],
    });
    expect((await ask('query A { me { id } }', undefined, 'B')).errors[0].message).toBe(
      'The document has no operation named "B".',
    );
  });

  it('does not hold the size of a page against a document that a variable may make small', async () => {
    const page = (below: string) => `tokens(first: $n) { edges { node { user { ${below} } } } }`;
    const document = `query ($n: Int!) { ${page(page(page(page('id'))))} }`;
    const key = await keyWith(user.id, '*');
    expect(await ask(document, key)).toMatchObject({ missing: [] });
    const sent = async (n: number) => (await request(document, { key, variables: { n } })).body;
    expect(await sent(1)).toHaveProperty('data');
    expect(await sent(20)).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }] });
  });

  it('reads a document once, however often a request asks about it', async () => {
    const document = `{ ${Array.from({ length: 9000 }, (_, index) => `a${index}: __typename`).join(' ')} }`;
    const times = 4000;
    const aliases = Array.from({ length: times }, (_, index) => `a${index}: requiredScopes(document: $d) { public }`);
    const { status, body } = await request(`query ($d: String!) { ${aliases.join(' ')} }`, {
      variables: { d: document },
    });
    expect(status).toBe(200);
    expect(Object.keys(body.data).length).toBe(times);
  });

  it('reads no more documents in a request than could have been sent in it', async () => {
    const filler = `# ${'x'.repeat(300_000)}\n`;
    const document = `${filler}query A { __typename } query B { __typename } query C { __typename } query D { __typename }`;
    const about = (names: string[]) =>
      names.map((name) => `${name}: requiredScopes(document: $d, operationName: "${name}") { public }`).join(' ');
    const reply = (names: string[]) =>
      request(`query ($d: String!) { ${about(names)} }`, { variables: { d: document } });
    expect((await reply(['A', 'B', 'C'])).status).toBe(200);
    expect((await reply(['A', 'B', 'C', 'D'])).body).toEqual({
      data: null,
      errors: [
        {
          message: 'The documents asked about must not be longer than 1,000,000 characters together.',
          locations: [expect.anything()],
          path: ['D'],
          extensions: { code: 'OPERATION_TOO_COMPLEX' },
        },
      ],
    });
  });
});
