import { expect, it } from 'vitest';
import { openWorld } from '../world.ts';
import { tokenOperations } from './token-operations.ts';

const world = await openWorld();
const { database, makeUser, request, clock } = world;
const { plant, revokeAll, rotate, isAccepted, logIn } = tokenOperations(world);

/** A user with a live token, an expired and a superseded one, beside the login token. */
async function makeOwner() {
  const { user, key } = await makeUser();
  const spare = await plant(user.id, { name: 'spare' });
  await plant(user.id, { name: 'over', expiresAt: clock.now });
  await rotate(key, { id: spare.id, overlapSeconds: 60 });
  return { user, key, spare };
}

const countOf = (userId: string) => database.token.count({ where: { userId } });

it.each([undefined, null, false])('ends all of the caller’s tokens, keepCurrent being %s', async (keepCurrent) => {
  const { user, key, spare } = await makeOwner();
  const other = await makeOwner();
  for (const each of [key, spare.key]) expect(await isAccepted(each)).toBe(true);
  expect(await revokeAll(key, keepCurrent)).toEqual({ data: { revokeAllTokens: { count: 3 } } });
  for (const each of [key, spare.key]) expect(await isAccepted(each)).toBe(false);
  expect([await countOf(user.id), await countOf(other.user.id)]).toEqual([0, 4]);
});

it('keeps the token of the request where it is told to, superseded or not', async () => {
  const { user, key, spare } = await makeOwner();
  expect(await revokeAll(spare.key, true)).toEqual({ data: { revokeAllTokens: { count: 2 } } });
  expect([await isAccepted(key), await isAccepted(spare.key), await countOf(user.id)]).toEqual([false, true, 1]);
  expect(await revokeAll(spare.key, true)).toEqual({ data: { revokeAllTokens: { count: 0 } } });
});

it('leaves the password, which gives a token with a new id', async () => {
  const { user, key, token } = await makeUser();
  await revokeAll(key);
  const again = await logIn(user.username);
  expect(again).toMatchObject({ __typename: 'IssuedToken', token: { name: 'default', kind: 'LOGIN' } });
  expect(again.token.id).not.toBe(btoa(`Token:${token.id}`));
  expect([await isAccepted(key), await isAccepted(again.key)]).toEqual([false, true]);
});

it('is not for a token without tokens:write', async () => {
  const { user } = await makeUser();
  const { key } = await plant(user.id, { scopes: ['tokens:read', 'account:write'] });
  expect(await request('mutation { revokeAllTokens { count } }', { key })).toMatchObject({
    status: 403,
    body: { errors: [{ extensions: { code: 'FORBIDDEN', requiredScopes: [['tokens:write']] } }] },
  });
  expect(await countOf(user.id)).toBe(2);
});
