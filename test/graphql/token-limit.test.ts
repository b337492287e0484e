import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';
import { tokenOperations } from './token-operations.ts';

const world = await openWorld({ MAX_TOKENS_PER_USER: '5' });
const { database, makeUser, clock } = world;
const { create, rotate, plant, isAccepted, logIn, pass } = tokenOperations(world);

const message =
  'A user may have 5 tokens, and one place is kept for the login token "default". Revoke a token that is not needed any more.';
const TOO_MANY = { __typename: 'ValidationError', message: `name: ${message}`, fields: [{ path: ['name'], message }] };

const tokensOf = (userId: string) => database.token.findMany({ where: { userId }, orderBy: { name: 'asc' } });

/** A user without a login token, and so many made by hand. */
async function makeOwner(tokens: number) {
  const { user, token } = await makeUser();
  await database.token.delete({ where: { id: token.id } });
  const planted = [];
  for (let n = 0; n < tokens; n++) planted.push(await plant(user.id, { name: `t${n}` }));
  const [first] = planted;
  return { user, planted, key: first?.key ?? '' };
}

it('a user makes and rotates so many tokens an hour, whatever becomes of them, and no more', async () => {
  const to = world.endpointWith({ MAX_TOKENS_PER_HOUR: '4' });
  const { key } = await world.makeUser();
  const codes: unknown[] = [];
  const note = ({ body }: { body: { errors?: { extensions: { code: string; retryAfterSeconds: number } }[] } }) => {
    const [error] = body.errors ?? [];
    codes.push(error ? [error.extensions.code, error.extensions.retryAfterSeconds > 3_500] : 'made');
  };
  // The login token is the first.
  for (let n = 0; n < 2; n++) {
    const { body, ...reply } = await world.request(
      `mutation { createToken(input: { name: "n${n}" }) { ... on IssuedToken { token { id } } } }`,
      { key },
      to,
    );
    note({ ...reply, body } as never);
    const rotate = `mutation { rotateToken(input: { id: "${body.data?.createToken.token.id}" }) { __typename } }`;
    note((await world.request(rotate, { key }, to)) as never);
  }
  expect(codes).toEqual(['made', 'made', 'made', ['THROTTLED', true]]);
  const { key: other } = await world.makeUser();
  expect(
    (await world.request('mutation { createToken(input: { name: "n" }) { __typename } }', { key: other }, to)).body,
  ).toEqual({
    data: { createToken: { __typename: 'IssuedToken' } },
  });
});

describe('MAX_TOKENS_PER_USER', () => {
  it('holds for tokens made by hand and for logins, and keeps a place for the login token', async () => {
    const { user, key } = await makeOwner(3);
    expect(await create(key, { name: 'fourth' })).toMatchObject({ __typename: 'IssuedToken' });
    expect(await create(key, { name: 'fifth' })).toEqual(TOO_MANY);
    expect(await logIn(user.username, 'phone')).toEqual(TOO_MANY);
    expect(await logIn(user.username)).toMatchObject({ token: { name: 'default', kind: 'LOGIN' } });
    expect(await create(key, { name: 'fifth' })).toEqual(TOO_MANY);
    expect(await tokensOf(user.id)).toHaveLength(5);
  });

  it('says first that the name is taken, and hands out a login token that there is', async () => {
    const { user, key } = await makeOwner(3);
    const phone = await logIn(user.username, 'phone');
    expect(await create(key, { name: 't1' })).toMatchObject({ __typename: 'TokenNameTakenError' });
    expect((await logIn(user.username, 'phone')).key).toBe(phone.key);
  });

  it('holds when many are asked for at once', async () => {
    for (let round = 0; round < 3; round++) {
      const { user, key } = await makeOwner(1);
      const made = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          n % 5 === 0 ? logIn(user.username, `login ${n}`) : create(key, { name: `api ${n}` }),
        ),
      );
      const issued = made.filter((each) => each.__typename === 'IssuedToken');
      expect(issued).toHaveLength(3);
      expect(made.filter((each) => !issued.includes(each))).toEqual(Array(47).fill(TOO_MANY));
      expect(await tokensOf(user.id)).toHaveLength(4);
      expect(await logIn(user.username)).toMatchObject({ token: { name: 'default' } });
    }
  });

  it('lets as many in again as are revoked or expire', async () => {
    const { user, key } = await makeOwner(4);
    const [last] = (await tokensOf(user.id)).slice(-1);
    await database.token.update({ where: { id: last?.id ?? '' }, data: { expiresAt: clock.now } });
    expect(await create(key, { name: 'instead' })).toMatchObject({ __typename: 'IssuedToken' });
    expect(await create(key, { name: 'more' })).toEqual(TOO_MANY);
  });

  it('removes a user’s expired tokens when their rows come to it, and not before', async () => {
    const { user, key } = await makeOwner(1);
    const other = await makeOwner(1);
    for (const name of ['e1', 'e2', 'e3']) {
      await plant(user.id, { name, expiresAt: clock.now });
      await plant(other.user.id, { name, expiresAt: clock.now });
    }
    await create(key, { name: 'fifth row' });
    expect((await tokensOf(user.id)).map(({ name }) => name)).toEqual(['e1', 'e2', 'e3', 'fifth row', 't0']);
    await create(key, { name: 'sixth row' });
    expect((await tokensOf(user.id)).map(({ name }) => name)).toEqual(['fifth row', 'sixth row', 't0']);
    expect(await tokensOf(other.user.id)).toHaveLength(4);
  });

  it('bounds superseded tokens too: each takes a place once its successor is gone', async () => {
    const { user, key } = await makeOwner(1);
    for (let n = 0; n < 10; n++) {
      const made = await create(key, { name: `shed ${n}` });
      if (made.__typename !== 'IssuedToken') continue;
      const fresh = await rotate(key, { id: made.token.id, overlapSeconds: 604_800 });
      await database.token.deleteMany({ where: { userId: user.id, name: `shed ${n}`, supersededAt: null } });
      expect(await isAccepted(fresh.key)).toBe(false);
    }
    expect((await tokensOf(user.id)).map(({ name }) => name)).toEqual(['shed 0', 'shed 1', 'shed 2', 't0']);
    expect(await create(key, { name: 'shed 0' })).toMatchObject({ __typename: 'IssuedToken' });
    pass(604_800);
    expect(await create(key, { name: 'room again' })).toMatchObject({ __typename: 'IssuedToken' });
  });

  it('lowered, ends nothing, and still lets the password in', async () => {
    const { user, key, planted } = await makeOwner(4);
    const lower = world.endpointWith({ MAX_TOKENS_PER_USER: '1' });
    expect(await create(key, { name: 'more' }, lower)).toMatchObject({ __typename: 'ValidationError' });
    expect(await logIn(user.username, 'default', lower)).toMatchObject({ __typename: 'IssuedToken' });
    for (const each of planted) expect(await isAccepted(each.key, lower)).toBe(true);
  });
});
