import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';
import { tokenOperations } from './token-operations.ts';

const DAY = 86_400;

const world = await openWorld({ TOKEN_LIFETIME: '30d', TOKEN_IDLE_LIFETIME: '7d' });
const { database, makeUser, request, clock } = world;
const { plant, isAccepted, logIn, inSeconds } = tokenOperations(world);

const at = (instant: Date, seconds: number) => new Date(instant.getTime() + seconds * 1000);

async function expiresAt(key: string) {
  return (await request('{ currentToken { expiresAt } }', { key })).body.data?.currentToken.expiresAt;
}

describe('a login token', () => {
  it('ends at the very instant when it has not been used for long enough, and a login replaces it', async () => {
    const { user, token, key } = await makeUser();
    const end = at(token.createdAt, 7 * DAY);
    expect(await expiresAt(key)).toBe(end.toISOString());
    clock.now = at(end, -0.001);
    expect([await isAccepted(key), (await logIn(user.username)).key]).toEqual([true, key]);
    clock.now = end;
    expect(await isAccepted(key)).toBe(false);
    const again = await logIn(user.username);
    expect(again).toMatchObject({
      token: { name: 'default', createdAt: end.toISOString(), expiresAt: inSeconds(7 * DAY) },
    });
    expect([await isAccepted(key), await isAccepted(again.key)]).toEqual([false, true]);
    expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
  });

  it('lives on with use, and no longer than its lifetime', async () => {
    for (const [used, end] of [
      [[5], 12],
      [[5, 11], 18],
      [[5, 11, 17, 23, 28], 30],
    ] as const) {
      const { user, token, key } = await makeUser();
      for (const day of used) {
        clock.now = at(token.createdAt, day * DAY);
        expect(await isAccepted(key), `on day ${day} of ${used}`).toBe(true);
      }
      expect(await expiresAt(key)).toBe(at(token.createdAt, end * DAY).toISOString());
      clock.now = at(token.createdAt, end * DAY);
      expect(await isAccepted(key), `used on days ${used}`).toBe(false);
      expect((await logIn(user.username)).key).not.toBe(key);
    }
  });

  it('makes way for a token of another kind only where it has ended', async () => {
    const { user, token } = await makeUser();
    clock.now = token.createdAt;
    const phone = await logIn(user.username, 'phone');
    const { key } = await plant(user.id);
    const make = () =>
      request('mutation { createToken(input: { name: "phone" }) { __typename } }', { key }).then(
        ({ body }) => body.data,
      );
    expect(await make()).toEqual({ createToken: { __typename: 'TokenNameTakenError' } });
    clock.now = at(clock.now, 7 * DAY);
    expect(await make()).toEqual({ createToken: { __typename: 'IssuedToken' } });
    expect(await isAccepted(phone.key)).toBe(false);
  });
});

describe('a token made by hand', () => {
  it('is bound by neither lifetime', async () => {
    const { user } = await makeUser();
    const { key } = await plant(user.id);
    clock.now = at(clock.now, 10_000 * DAY);
    expect([await isAccepted(key), await expiresAt(key)]).toEqual([true, null]);
  });
});

describe('after a revocation', () => {
  it('a login gives a token with a new id, again and again, and every old key stays dead', async () => {
    const { user, key: first } = await makeUser();
    const keys = [first];
    for (let round = 0; round < 3; round++) {
      await request('mutation { revokeCurrentToken { __typename } }', { key: keys.at(-1) ?? '' });
      keys.push((await logIn(user.username)).key);
    }
    expect(new Set(keys).size).toBe(4);
    expect(await Promise.all(keys.map((key) => isAccepted(key)))).toEqual([false, false, false, true]);
    expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
  });
});
