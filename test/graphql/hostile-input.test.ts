import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

// The same username comes again and again.
const world = await openWorld({ MAX_LOGIN_FAILURES: '1000000' });
const { key } = await world.makeUser();

// Any UTF-16: lone surrogates, NULs and the rest, as JSON can carry them.
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('\0', '\ud800', '\udfff', "' OR 1=1 --", '%', '\u202e', '__proto__', 'x'.repeat(5_000)),
);

const OPERATIONS = {
  createUser:
    'mutation($a: String!, $b: String!, $c: String!) { createUser(input: { username: $a, password: $b, email: $c }) { __typename } }',
  obtainAuthToken:
    'mutation($a: String!, $b: String!, $c: String!) { obtainAuthToken(input: { username: $a, password: $b, name: $c }) { __typename } }',
  node: 'query($a: ID!) { node(id: $a) { __typename } }',
  revokeToken: 'mutation($a: ID!) { revokeToken(id: $a) { __typename } }',
};

describe('hostile input', () => {
  it.each(Object.entries(OPERATIONS))('never makes %s fail as if the server were at fault', async (name, query) => {
    await fc.assert(
      fc.asyncProperty(anyText, anyText, anyText, async (a, b, c) => {
        const { status, body } = await world.request(query, { key, variables: { a, b, c } });
        expect({ status, errors: body.errors }).toEqual({ status: 200, errors: undefined });
        expect(body.data).toHaveProperty(name);
      }),
      { numRuns: 150 },
    );
    expect(world.logged.filter((line) => !line.includes('"msg":"request"'))).toEqual([]);
  });

  it('never makes requiredScopes fail as if the server were at fault', async () => {
    const document = fc.oneof(
      anyText,
      anyText.map((text) => `{ viewer { ${text} } }`),
      anyText.map((text) => `query ${text} { viewer(a: "${text}") { id @include(if: $${text}) } }`),
      fc.constantFrom(
        'query ($x: Nothing) { viewer @skip(if: $x) { id } }',
        '{ ... on Nothing { id } }',
        '{ __schema }',
      ),
    );
    const query = 'query($a: String!, $b: String) { requiredScopes(document: $a, operationName: $b) { public } }';
    await fc.assert(
      fc.asyncProperty(document, fc.option(anyText), async (a, b) => {
        const { status, body } = await world.request(query, { variables: { a, b } });
        const codes = (body.errors ?? []).map(({ extensions }: { extensions: { code: string } }) => extensions.code);
        expect([200, 400]).toContain(status);
        for (const code of codes) expect(code).toMatch(/^(GRAPHQL_(PARSE|VALIDATION)_FAILED|BAD_REQUEST)$/);
      }),
      { numRuns: 300 },
    );
    expect(world.logged.filter((line) => !line.includes('"msg":"request"'))).toEqual([]);
  });

  it('never makes a credential fail as if the server were at fault', async () => {
    const headerText = fc.string({
      unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('authorization', 'token'),
        fc.constantFrom('', 'Token ', 'Bearer ', 'Bearer tsr_'),
        headerText,
        async (name, prefix, text) => {
          const { status } = await world.request('{ me { id } }', { headers: { [name]: prefix + text } });
          expect(status).toBe(401);
        },
      ),
      { numRuns: 300 },
    );
  });
});
