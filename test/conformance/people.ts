import { pino } from 'pino';
import { newUserSchema } from '../../src/accounts/new-user.ts';
import { createUser } from '../../src/accounts/users.ts';
import { keyOf } from '../../src/auth/key.ts';
import { createPasswords } from '../../src/auth/password.ts';
import { readConfig } from '../../src/config.ts';
import type { Inactive, SignedUp } from '../../src/conformance/at-hand.ts';
import { openDatabase } from '../../src/database/open.ts';

/** With white space at both ends, for the cases that look there. */
export const PASSWORD = ' a fine long password ';

/** A user and an inactive one on the database that these variables name, with the keys of both. */
export async function makePeople(env: Record<string, string>): Promise<{ user: SignedUp; inactive: Inactive }> {
  const { config, secrets } = readConfig(env);
  const open = await openDatabase({ config, secrets, log: pino({ level: 'silent' }), asServer: false });
  const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
  async function make(username: string, isActive: boolean) {
    const { user, token } = await createUser(
      open.database,
      passwords,
      newUserSchema.parse({ username, password: PASSWORD }),
    );
    await open.database.user.update({ where: { id: user.id }, data: { isActive } });
    return { username, password: PASSWORD, key: keyOf(token, open.tokenSecrets) };
  }
  try {
    const user = await make('ada', true);
    const inactive = await make('idle', false);
    return { user: { ...user, tokenName: 'default', isStaff: false, isThrowAway: false }, inactive };
  } finally {
    await open.close();
  }
}
