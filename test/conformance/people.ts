import { pino } from 'pino';
import { newUserSchema } from '../../src/accounts/new-user.ts';
import { createUser } from '../../src/accounts/users.ts';
import { keyOf } from '../../src/auth/key.ts';
import { createPasswords } from '../../src/auth/password.ts';
import { readConfig } from '../../src/config.ts';
import type { Inactive, SignedUp } from '../../src/conformance/at-hand.ts';
import { type OpenDatabase, openDatabase } from '../../src/database/open.ts';

/** With white space at both ends, for the cases that look there. */
export const PASSWORD = ' a fine long password ';

/** A user and an inactive one on the database that these variables name, with the keys of both. */
export function makePeople(env: Record<string, string>): Promise<{ user: SignedUp; inactive: Inactive }> {
  const { config, secrets } = readConfig(env);
  const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
  return asGuest(env, async ({ database, tokenSecrets }) => {
    async function make(username: string, isActive: boolean) {
      const newUser = newUserSchema.parse({ username, password: PASSWORD });
      const { user, token } = await createUser(database, passwords, newUser);
      await database.user.update({ where: { id: user.id }, data: { isActive } });
      return { username, password: PASSWORD, key: keyOf(token, tokenSecrets) };
    }
    const user = { ...(await make('ada', true)), tokenName: 'default', isStaff: false, isThrowAway: false };
    return { user, inactive: await make('idle', false) };
  });
}

/** The names of a user's tokens on the database that these variables name. */
export function tokenNamesOf(env: Record<string, string>, username: string): Promise<string[]> {
  return asGuest(env, async ({ database }) => {
    const tokens = await database.token.findMany({ where: { user: { username } }, orderBy: { name: 'asc' } });
    return tokens.map(({ name }) => name);
  });
}

/** Beside the server that owns the database, as a command does it. */
async function asGuest<Result>(env: Record<string, string>, run: (open: OpenDatabase) => Promise<Result>) {
  const { config, secrets } = readConfig(env);
  const open = await openDatabase({ config, secrets, log: pino({ level: 'silent' }), asServer: false });
  try {
    return await run(open);
  } finally {
    await open.close();
  }
}
