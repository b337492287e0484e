import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { request, makeUser } = world;
const { key } = await makeUser();

const PRODUCTION = { NODE_ENV: 'production', BCRYPT_COST: '10', PUBLIC_URL: 'https://tessera.test' };
const production = world.endpointWith(PRODUCTION);

async function messagesOf(query: string, variables: Record<string, unknown>, env?: Record<string, string>) {
  const { body } = await request(query, { key, variables }, env && world.endpointWith(env));
  return (body.errors ?? []).map(({ message }: { message: string }) => message);
}

describe('introspection', () => {
  it.each([
    ['__schema', getIntrospectionQuery()],
    ['__type', '{ __type(name: "User") { name } }'],
    ['__schema', 'query { ...F } fragment F on Query { __schema { types { name } } }'],
  ])('is refused in production: %s', async (field, query) => {
    const { body } = await request(query, { key }, production);
    expect(body.data).toBeUndefined();
    expect(body.errors[0]).toMatchObject({
      message: `GraphQL introspection has been disabled, but the requested query contained the field "${field}".`,
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
    });
  });

  it('is answered outside production, and there where it is wanted', async () => {
    const query = '{ __type(name: "User") { name } }';
    for (const env of [{}, { ...PRODUCTION, INTROSPECTION: 'on' }]) {
      expect((await request(query, {}, world.endpointWith(env))).body).toEqual({ data: { __type: { name: 'User' } } });
    }
    expect(await messagesOf(query, {}, { INTROSPECTION: 'off' })).toHaveLength(1);
  });

  it('leaves __typename to everybody', async () => {
    const { body } = await request('{ __typename viewer { __typename } }', { key }, production);
    expect(body).toEqual({ data: { __typename: 'Query', viewer: { __typename: 'User' } } });
  });
});

describe('an error', () => {
  it.each([
    ['a field', '{ viewer { usernam } }', {}],
    ['an argument', '{ viewer { tokens(firs: 1) { totalCount } } }', {}],
    ['a type', '{ ... on Quer { __typename } }', {}],
    ['a directive’s argument', '{ viewer @include(i: true) { id } }', {}],
    ['an input field', 'mutation { createUser(input: { usernme: "a", password: "b" }) { __typename } }', {}],
    [
      'a variable’s input field',
      'mutation($input: CreateUserInput!) { createUser(input: $input) { __typename } }',
      { input: { usernme: 'a', username: 'a', password: 'b' } },
    ],
  ])('suggests a name for %s only where the schema may be asked for', async (_what, query, variables) => {
    const open = await messagesOf(query, variables, { INTROSPECTION: 'on' });
    expect(open.join('\n')).toContain('Did you mean');
    const closed = await messagesOf(query, variables, { INTROSPECTION: 'off' });
    expect(closed).toEqual(open.map((message: string) => message.replace(/ Did you mean .*\?/, '')));
    expect(closed.join('\n')).not.toContain('Did you mean');
  });
});

describe('GraphiQL', () => {
  const statusOf = async (env: Record<string, string>) =>
    (await world.endpointWith(env).fetch('http://tessera.test/graphql', { headers: { accept: 'text/html' } })).status;

  it('is served where GRAPHIQL says so, else in development alone', async () => {
    const development = { NODE_ENV: 'development', BCRYPT_COST: '10' };
    expect(await statusOf(development)).toBe(200);
    expect(await statusOf({ ...development, GRAPHIQL: 'off' })).toBe(406);
    expect(await statusOf({})).toBe(406);
    expect(await statusOf(PRODUCTION)).toBe(406);
    expect(await statusOf({ ...PRODUCTION, GRAPHIQL: 'on' })).toBe(200);
  });
});
