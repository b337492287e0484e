import { describe, expect, it } from 'vitest';
import { declaredScopes } from '../../src/graphql/scopes.ts';
import { openWorld } from '../world.ts';
import { tokenOperations } from './token-operations.ts';

const world = await openWorld();
const { database, makeUser, request } = world;
const { create, plant, isAccepted, logIn, inSeconds, pass, revokeAll, issued } = tokenOperations(world);

function invalid(...fields: [path: string[], message: string][]) {
  return {
    __typename: 'ValidationError',
    message: fields.map(([path, message]) => `${path.join('.')}: ${message}`).join(' '),
    fields: fields.map(([path, message]) => ({ path, message })),
  };
}

describe('createToken', () => {
  it('makes a token whose key is shown this once and does what the user may', async () => {
    const { user, key } = await makeUser();
    const made = await create(key, { name: 'deploy' });
    expect(made).toEqual(issued({ name: 'deploy' }));
    const asked = await request('{ me { username } currentToken { name kind } }', { key: made.key });
    expect(asked.body).toEqual({
      data: { me: { username: user.username }, currentToken: { name: 'deploy', kind: 'API' } },
    });
  });

  it.each([
    [
      ['tokens:write', 'account:read'],
      ['tokens:write', 'account:read'],
    ],
    [['account:read', 'account:read'], ['account:read']],
    [['account:read', '*', 'tokens:read'], ['*']],
    [[], []],
  ])('takes the scopes %j for %j', async (asked, scopes) => {
    const { key } = await makeUser();
    expect(await create(key, { name: 'scoped', scopes: asked })).toEqual(issued({ name: 'scoped', scopes }));
  });

  it('gives a token without scopes nothing but what needs none', async () => {
    const { key } = await makeUser();
    const { key: bare } = await create(key, { name: 'bare', scopes: [] });
    expect((await request('{ currentToken { name scopes } }', { key: bare })).body).toEqual({
      data: { currentToken: { name: 'bare', scopes: [] } },
    });
    expect(await request('{ me { id } }', { key: bare })).toMatchObject({
      status: 403,
      body: { errors: [{ extensions: { code: 'FORBIDDEN', requiredScopes: [['account:read']] } }] },
    });
    const out = await request('mutation { revokeCurrentToken { __typename } }', { key: bare });
    expect(out.body).toEqual({ data: { revokeCurrentToken: { __typename: 'RevokedToken' } } });
  });

  it('names every field that is no good, and makes nothing', async () => {
    const { user, key } = await makeUser();
    const known = `This must be one of *, ${declaredScopes()
      .map(({ name }) => name)
      .join(', ')}.`;
    const scopes = ['account:read', 'notes', '*', 'account:raed'];
    expect(await create(key, { name: ' ', scopes, expiresAt: inSeconds(0) })).toEqual(
      invalid(
        [['name'], 'This field may not be blank.'],
        [['scopes', '1'], known],
        [['scopes', '3'], known],
        [['expiresAt'], 'This must be in the future.'],
      ),
    );
    expect(await create(key, { name: 'many', scopes: Array(101).fill('account:read') })).toEqual(
      invalid([['scopes'], 'Ensure this field has no more than 100 elements.']),
    );
    expect(await create(key, { name: 'many', scopes: Array(100).fill('account:read') })).toEqual(
      issued({ name: 'many', scopes: ['account:read'] }),
    );
    expect(await database.token.count({ where: { userId: user.id } })).toBe(2);
  });

  it('refuses the name of a live token, and that of the login token even where there is none', async () => {
    const { key, user } = await makeUser();
    const taken = { __typename: 'TokenNameTakenError', message: 'This name is taken. Choose another.' };
    const kept = { ...taken, message: 'The name "default" is kept for the login token. Choose another.' };
    await create(key, { name: 'deploy' });
    expect(await create(key, { name: 'deploy' })).toEqual(taken);
    expect(await create(key, { name: 'default' })).toEqual(kept);
    const other = await plant(user.id, { name: 'other' });
    await database.token.deleteMany({ where: { userId: user.id, name: 'default' } });
    expect(await create(other.key, { name: 'default' })).toEqual(kept);
    expect(await create((await makeUser()).key, { name: 'deploy' })).toEqual(issued({ name: 'deploy' }));
  });

  it('puts a token in the place of an expired one of its name, at the very instant', async () => {
    const { key } = await makeUser();
    const old = await create(key, { name: 'deploy', expiresAt: inSeconds(60) });
    pass(59.999);
    expect(await isAccepted(old.key)).toBe(true);
    expect(await create(key, { name: 'deploy' })).toMatchObject({ __typename: 'TokenNameTakenError' });
    pass(0.001);
    expect(await isAccepted(old.key)).toBe(false);
    const fresh = await create(key, { name: 'deploy' });
    expect(fresh).toEqual(issued({ name: 'deploy' }));
    expect([await isAccepted(fresh.key), await isAccepted(old.key)]).toEqual([true, false]);
  });

  it('gives one of those who ask for the same name at once the token', async () => {
    const { key } = await makeUser();
    const made = await Promise.all(Array.from({ length: 8 }, () => create(key, { name: 'same' })));
    const kinds = made.map((each) => each.__typename).sort();
    expect(kinds).toEqual(['IssuedToken', ...Array(7).fill('TokenNameTakenError')]);
  });

  it('is not for a token without tokens:write', async () => {
    const { user } = await makeUser();
    const { key } = await plant(user.id, { scopes: ['account:read', 'tokens:read'] });
    expect(await create(key, { name: 'more' })).toEqual({
      errors: [
        {
          message: 'You do not have permission to perform this action.',
          extensions: { code: 'FORBIDDEN', requiredScopes: [['tokens:write']] },
        },
      ],
    });
  });
});

describe('a token made by a token', () => {
  it('never outreaches it', async () => {
    const { user } = await makeUser();
    const { key } = await plant(user.id, { scopes: ['tokens:write', 'account:read'] });
    expect(await create(key, { name: 'all' })).toEqual({
      __typename: 'ScopeNotGrantedError',
      message:
        'Your token cannot give what it may not do itself: *. Name scopes that it has, or use a token that has these.',
      scopes: ['*'],
    });
    const asked = ['tokens:read', 'account:read', 'account:write'];
    expect(await create(key, { name: 'more', scopes: asked })).toEqual({
      __typename: 'ScopeNotGrantedError',
      message:
        'Your token cannot give what it may not do itself: tokens:read, account:write. ' +
        'Name scopes that it has, or use a token that has these.',
      scopes: ['tokens:read', 'account:write'],
    });
    expect(await create(key, { name: 'less', scopes: ['account:read'] })).toEqual(
      issued({ name: 'less', scopes: ['account:read'] }),
    );
  });

  it('never outlives it', async () => {
    const { user } = await makeUser();
    const until = inSeconds(3_600);
    const { key } = await plant(user.id, { expiresAt: new Date(until) });
    expect(await create(key, { name: 'longer', expiresAt: inSeconds(3_600.001) })).toEqual(
      invalid([['expiresAt'], `This must not be later than ${until}, when the token that makes it expires.`]),
    );
    expect(await create(key, { name: 'as long', expiresAt: until })).toEqual(
      issued({ name: 'as long', expiresAt: until }),
    );
    expect(await create(key, { name: 'unsaid' })).toEqual(issued({ name: 'unsaid', expiresAt: until }));
    expect(await create(key, { name: 'shorter', expiresAt: inSeconds(60) })).toEqual(
      issued({ name: 'shorter', expiresAt: inSeconds(60) }),
    );
  });

  it('never ends at an instant that cannot be read back', async () => {
    const { user, key } = await makeUser();
    for (const expiresAt of ['9999-12-31T23:59:59-23:59', '0000-01-01T00:00:00Z']) {
      const { errors } = await create(key, { name: 'far', expiresAt });
      expect(errors[0].message).toContain('must be an RFC 3339 instant of the years 1 to 9999');
    }
    const last = '9999-12-31T23:59:59.999Z';
    expect(await create(key, { name: 'last', expiresAt: last })).toEqual(issued({ name: 'last', expiresAt: last }));
    // Plain SQL can write them; such a token is no good, and makes way.
    const { token } = await plant(user.id, { name: 'endless' });
    await database.$executeRaw`UPDATE "Token" SET "expiresAt" = 'infinity' WHERE "id" = ${token.id}::uuid`;
    expect((await logIn(user.username, 'endless')).token).toMatchObject({ name: 'endless', kind: 'LOGIN' });
  });

  it('never outlives a login token’s lifetime, and is not bound by the idle one', async () => {
    const { user, token, key } = await makeUser();
    const bounded = world.endpointWith({ TOKEN_LIFETIME: '30d', TOKEN_IDLE_LIFETIME: '2d' });
    const until = new Date(token.createdAt.getTime() + 30 * 86_400_000).toISOString();
    expect(await create(key, { name: 'bounded' }, bounded)).toEqual(issued({ name: 'bounded', expiresAt: until }));
    const idle = world.endpointWith({ TOKEN_IDLE_LIFETIME: '2d' });
    expect(await create(key, { name: 'unbounded' }, idle)).toEqual(issued({ name: 'unbounded' }));
    expect(await database.token.count({ where: { userId: user.id } })).toBe(3);
  });

  it('is not ended with it', async () => {
    const { key } = await makeUser();
    const parent = await create(key, { name: 'parent' });
    const child = await create(parent.key, { name: 'child' });
    await request('mutation { revokeCurrentToken { __typename } }', { key: parent.key });
    expect([await isAccepted(parent.key), await isAccepted(child.key)]).toEqual([false, true]);
  });

  it('is not made any more once it has been ended, also within one operation', async () => {
    const { user, key } = await makeUser();
    const { body } = await request(
      'mutation { revokeCurrentToken { __typename } createToken(input: { name: "late" }) { __typename } }',
      { key },
    );
    expect(body.errors).toMatchObject([
      { message: 'Invalid token.', path: ['createToken'], extensions: { code: 'AUTHENTICATION_FAILED' } },
    ]);
    expect(await database.token.count({ where: { userId: user.id } })).toBe(0);
  });

  it('is not left behind by whoever ends all of them at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      const { user, key } = await makeUser();
      await Promise.all([
        ...Array.from({ length: 4 }, (_, n) => create(key, { name: `early ${n}` })),
        revokeAll(key),
        ...Array.from({ length: 4 }, (_, n) => create(key, { name: `late ${n}` })),
      ]);
      expect(await database.token.count({ where: { userId: user.id } })).toBe(0);
    }
  });
});
