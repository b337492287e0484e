import { expect, it } from 'vitest';
import { changePassword } from '../../src/accounts/change-password.ts';
import { InvalidCredentialsError } from '../../src/accounts/failures.ts';
import { logIn, loginSchema } from '../../src/accounts/login.ts';
import { newPasswordSchema } from '../../src/accounts/new-password.ts';
import { createPasswords, type Passwords } from '../../src/auth/password.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { openWorld, PASSWORD } from '../world.ts';

const OTHER_PASSWORD = 'another fine password';
const world = await openWorld();
const { database, passwords, makeUser } = world;
const now = new Date();

/** The same passwords, with something happening once, just after a password was proved. */
function afterProof(real: Passwords, happen: () => Promise<unknown>): Passwords {
  let hasHappened = false;
  return {
    ...real,
    verify: async (password, hash) => {
      const isRight = await real.verify(password, hash);
      if (!hasHappened) {
        hasHappened = true;
        await happen();
      }
      return isRight;
    },
  };
}

async function change(user: { id: string; username: string }, password: string) {
  const read = await newPasswordSchema(user).parseAsync({ password });
  return changePassword(database, passwords, { ...read, userId: user.id, keepTokens: false, origin: NOBODY });
}

const costlier = createPasswords({ cost: 5, pepper: null });
const CALLER = { ...NOBODY, knownAs: null };

function doorOf(passwords: Passwords) {
  return { database, passwords, throttle: null };
}

it.each([
  ['as it is', passwords],
  ['and is hashed anew', costlier],
])('a login with the old password that is under way gets no token any more (%s)', async (_case, real) => {
  const { user } = await makeUser();
  const interrupted = afterProof(real, () => change(user, OTHER_PASSWORD));
  const login = loginSchema.parse({ username: user.username, password: PASSWORD });
  await expect(logIn(doorOf(interrupted), login, { caller: CALLER, rules: world.tokenRules, now })).rejects.toThrow(
    InvalidCredentialsError,
  );
  const changed = await database.user.findUniqueOrThrow({ where: { id: user.id } });
  expect(await passwords.verify(OTHER_PASSWORD, changed.passwordHash)).toBe(true);
  expect(changed.lastLogin).toBe(null);
});

it('a login that another one overtakes, which hashes the password anew, gets the same token', async () => {
  const { user, token } = await makeUser();
  const login = loginSchema.parse({ username: user.username, password: PASSWORD });
  const overtaken = afterProof(costlier, () =>
    logIn(doorOf(costlier), login, { caller: CALLER, rules: world.tokenRules, now }),
  );
  expect((await logIn(doorOf(overtaken), login, { caller: CALLER, rules: world.tokenRules, now })).token.id).toBe(
    token.id,
  );
  const unhurried = afterProof(passwords, async () => {
    await database.user.update({ where: { id: user.id }, data: { passwordHash: await passwords.hash(PASSWORD) } });
  });
  expect((await logIn(doorOf(unhurried), login, { caller: CALLER, rules: world.tokenRules, now })).token.id).toBe(
    token.id,
  );
});

it('a user who is deleted while logging in is refused like any other', async () => {
  const { user } = await makeUser();
  const gone = afterProof(passwords, () => database.user.delete({ where: { id: user.id } }));
  const login = loginSchema.parse({ username: user.username, password: PASSWORD });
  await expect(logIn(doorOf(gone), login, { caller: CALLER, rules: world.tokenRules, now })).rejects.toThrow(
    InvalidCredentialsError,
  );
});
