import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';
import { tokenOperations } from './token-operations.ts';

const world = await openWorld();
const { database, makeUser, request, clock } = world;
const { create, rotate, plant, isAccepted, inSeconds, pass, logIn, ...operations } = tokenOperations(world);

// What is rotated here was planted.
const issued = (token: object) => operations.issued({ name: 'planted', ...token });

const NOT_FOUND = { __typename: 'TokenNotFoundError', message: 'There is no such token of yours.' };

describe('rotateToken', () => {
  it('gives the token another key; the old one works until the overlap is over, and not at its end', async () => {
    const { user, key } = await makeUser();
    const until = inSeconds(86_400);
    const old = await plant(user.id, { scopes: ['account:read'], expiresAt: new Date(until), lastUsedAt: clock.now });
    pass(10);
    const fresh = await rotate(key, { id: old.id, overlapSeconds: 60 });
    expect(fresh).toEqual(issued({ scopes: ['account:read'], expiresAt: until }));
    expect(fresh.token.id).not.toBe(old.id);
    pass(59.999);
    expect([await isAccepted(old.key), await isAccepted(fresh.key)]).toEqual([true, true]);
    pass(0.001);
    expect([await isAccepted(old.key), await isAccepted(fresh.key)]).toEqual([false, true]);
  });

  it.each([0, null, undefined])('ends the old key at once with an overlap of %s', async (overlapSeconds) => {
    const { user, key } = await makeUser();
    const old = await plant(user.id);
    expect(await isAccepted(old.key)).toBe(true);
    const fresh = await rotate(key, { id: old.id, overlapSeconds });
    expect([await isAccepted(old.key), await isAccepted(fresh.key)]).toEqual([false, true]);
  });

  it.each([-1, 604_801])('refuses an overlap of %d seconds', async (overlapSeconds) => {
    const { user, key } = await makeUser();
    const { id, key: old } = await plant(user.id);
    const message = 'This must be 0 to 604800 seconds, which are 7 days.';
    expect(await rotate(key, { id, overlapSeconds })).toEqual({
      __typename: 'ValidationError',
      message: `overlapSeconds: ${message}`,
      fields: [{ path: ['overlapSeconds'], message }],
    });
    expect(await isAccepted(old)).toBe(true);
    expect(await rotate(key, { id, overlapSeconds: 604_800 })).toEqual(issued({}));
  });

  it('never extends a life: neither the new token’s, nor the old one’s by the overlap', async () => {
    const { user, key, token } = await makeUser();
    const bounded = world.endpointWith({ TOKEN_LIFETIME: '30d' });
    const ofLogin = new Date(token.createdAt.getTime() + 30 * 86_400_000).toISOString();
    const login = await rotate(key, { id: btoa(`Token:${token.id}`) }, bounded);
    expect(login).toEqual(issued({ kind: 'LOGIN', name: 'default', expiresAt: ofLogin }));
    const soon = new Date(inSeconds(5));
    const old = await plant(user.id, { expiresAt: soon });
    const fresh = await rotate(login.key, { id: old.id, overlapSeconds: 3_600 }, bounded);
    expect(fresh).toEqual(issued({ expiresAt: soon.toISOString() }));
    pass(5);
    expect([await isAccepted(old.key), await isAccepted(fresh.key)]).toEqual([false, false]);
  });

  it('rotates the very token that asks, whose key gives way', async () => {
    const { user, key, token } = await makeUser();
    const fresh = await rotate(key, { id: btoa(`Token:${token.id}`) });
    expect(fresh).toMatchObject({ token: { kind: 'LOGIN', name: 'default', isCurrent: false } });
    expect([await isAccepted(key), await isAccepted(fresh.key)]).toEqual([false, true]);
    expect((await logIn(user.username)).key).toBe(fresh.key);
  });

  it('tells nothing of tokens of others, dead ones and superseded ones', async () => {
    const { user, key } = await makeUser();
    const theirs = await plant((await makeUser()).user.id);
    const dead = await plant(user.id, { name: 'dead', expiresAt: clock.now });
    const superseded = await plant(user.id, { supersededAt: clock.now, expiresAt: new Date(inSeconds(60)) });
    for (const id of [theirs.id, dead.id, superseded.id, 'nonsense', '', btoa(`User:${user.id}`)]) {
      expect(await rotate(key, { id }), id).toEqual(NOT_FOUND);
    }
    const { key: staff } = await makeUser(undefined, { isStaff: true });
    expect(await rotate(staff, { id: theirs.id })).toEqual(NOT_FOUND);
    expect([await isAccepted(theirs.key), await isAccepted(superseded.key)]).toEqual([true, true]);
  });

  it('gives no token a stronger one: neither one that may do more, nor one that lives longer', async () => {
    const { user, token } = await makeUser();
    const until = inSeconds(3_600);
    const scopes = ['tokens:write', 'account:read'];
    const weak = await plant(user.id, { name: 'weak', scopes, expiresAt: new Date(until) });
    expect(await rotate(weak.key, { id: btoa(`Token:${token.id}`) })).toEqual({
      __typename: 'ScopeNotGrantedError',
      message: 'Your token cannot give what it may not do itself: *. Rotate it with a token that has these.',
      scopes: ['*'],
    });
    const message = `This token lives longer than yours, which expires at ${until}: rotate it with one that lives as long.`;
    for (const expiresAt of [null, new Date(inSeconds(3_600.001))]) {
      const { id } = await plant(user.id, { name: `longer ${expiresAt}`, scopes: ['account:read'], expiresAt });
      expect(await rotate(weak.key, { id })).toEqual({
        __typename: 'ValidationError',
        message: `id: ${message}`,
        fields: [{ path: ['id'], message }],
      });
    }
    const lesser = await plant(user.id, { name: 'lesser', scopes: ['account:read'], expiresAt: new Date(until) });
    expect(await rotate(weak.key, { id: lesser.id })).toEqual(
      issued({ name: 'lesser', scopes: ['account:read'], expiresAt: until }),
    );
    expect(await rotate(weak.key, { id: weak.id })).toEqual(issued({ name: 'weak', scopes, expiresAt: until }));
  });

  it('is not for a token without tokens:write', async () => {
    const { user } = await makeUser();
    const { id, key } = await plant(user.id, { scopes: ['account:read'] });
    const { body } = await request('mutation { rotateToken(input: { id: "x" }) { __typename } }', { key });
    expect(body.errors[0].extensions).toEqual({ code: 'FORBIDDEN', requiredScopes: [['tokens:write']] });
    expect(await rotate(key, { id })).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
  });

  it('leaves one superseded token a name, whose place is taken by the next', async () => {
    const { user, key } = await makeUser();
    const first = await plant(user.id);
    const second = await rotate(key, { id: first.id, overlapSeconds: 600 });
    pass(1);
    const third = await rotate(key, { id: second.token.id, overlapSeconds: 600 });
    const rows = await database.token.findMany({ where: { userId: user.id, name: 'planted' } });
    expect(rows).toHaveLength(2);
    expect(await Promise.all([first.key, second.key, third.key].map((each) => isAccepted(each)))).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('lets one of several rotations of a token at once have its way', async () => {
    // The second ends before the overlap does: its rotation leaves its end as it is.
    for (const expiresAt of [null, new Date(inSeconds(5)), null, new Date(inSeconds(5))]) {
      const { user, key } = await makeUser();
      const { id } = await plant(user.id, { expiresAt });
      const made = await Promise.all(Array.from({ length: 6 }, () => rotate(key, { id, overlapSeconds: 60 })));
      const winner = made.find((each) => each.__typename === 'IssuedToken');
      expect(winner).toEqual(issued({ expiresAt: expiresAt?.toISOString() ?? null }));
      expect(made.filter((each) => each !== winner)).toEqual(Array(5).fill(NOT_FOUND));
      expect(await database.token.count({ where: { userId: user.id, name: 'planted' } })).toBe(2);
    }
  });

  it('does not ask how many tokens there are', async () => {
    const { user, key } = await makeUser();
    const one = world.endpointWith({ MAX_TOKENS_PER_USER: '1' });
    const { id } = await plant(user.id);
    await create(key, { name: 'another' });
    expect(await rotate(key, { id, overlapSeconds: 60 }, one)).toEqual(issued({}));
  });
});
