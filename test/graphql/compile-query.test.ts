import { type ExecutionResult, execute, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Viewer } from '../../src/auth/viewer.ts';
import { RequestRefused } from '../../src/errors.ts';
import { compileQuery, loadCompiler } from '../../src/graphql/compile-query.ts';
import type { Context } from '../../src/graphql/context.ts';
import { schema } from '../../src/graphql/schema.ts';

const user = { id: '0b2c1c1e-0000-4000-8000-000000000000', username: 'ada', isStaff: false, isSuperuser: false };
const ADA = {
  user: { ...user, email: null, isActive: true, dateJoined: new Date(0), lastLogin: null },
  token: {
    id: user.id,
    userId: user.id,
    kind: 'LOGIN',
    name: 'default',
    scopes: ['account:read'],
    createdAt: new Date(0),
  },
} as unknown as Viewer;

const compiler = await loadCompiler();

function contextOf(viewer: Viewer | null): Context {
  const credentialsMissing = () => new RequestRefused('UNAUTHENTICATED');
  return { viewer, registration: 'closed', admitted: new Set(), credentialsMissing } as unknown as Context;
}

function compiled(text: string) {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  return { document, run: compileQuery(compiler, schema, document, null) };
}

const inJson = (result: ExecutionResult) => JSON.parse(JSON.stringify(result));

describe('a compiled query', () => {
  it.each([
    '{ __typename }',
    '{ me { id username email dateJoined isActive __typename } viewer { id } }',
    '{ a: me { ...F b: username } } fragment F on User { username ... { id } ... on User { isStaff } }',
    '{ currentToken { name kind scopes createdAt user { username } } }',
    '{ scopes { name } }',
  ])('answers as an interpreted one, also where it is refused: %s', async (text) => {
    const { document, run } = compiled(text);
    for (const viewer of [ADA, null]) {
      const expected = await execute({ schema, document, contextValue: contextOf(viewer) });
      expect(inJson((await run?.(contextOf(viewer), {})) as ExecutionResult)).toEqual(inJson(expected));
    }
  });

  it.each([
    ['a directive', '{ me { id @include(if: true) } }'],
    [
      'a fragment that is left out once',
      'query($a: Boolean!) { ...F @include(if: $a) ...F } fragment F on Query { __typename }',
    ],
    ['a type that is told apart as it comes', '{ node(id: "x") { id } }'],
    ['a fragment of an interface', '{ me { ... on Node { id } } }'],
    ['a variable with a default', 'query($first: Int = 2) { tokens(first: $first) { totalCount } }'],
    ['a name that every object has', '{ constructor: __typename }'],
    ['the name of an object’s class', '{ me { __proto__: id } }'],
    ['what asks about the schema', '{ __schema { queryType { name } } }'],
    ['a mutation', 'mutation { revokeCurrentToken { __typename } }'],
    [
      'what multiplies',
      `{ ${'a b c d'.replace(/\w/g, '$&: currentToken { ...F }')} } fragment F on Token { ${'e f g h i j k'.replace(/\w/g, '$&: user { ...U }')} } fragment U on User { id username email }`,
    ],
  ])('is none of those in which compilers differ: %s', (_what, text) => {
    expect(compiled(text).run).toBeNull();
  });
});
