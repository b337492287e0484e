import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

const world = await openWorld();
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
