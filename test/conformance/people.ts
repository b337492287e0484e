import { pino } from 'pino';
import { newUserSchema } from '../../src/accounts/new-user.ts';
import { obtainTokenPair } from '../../src/accounts/token-pairs.ts';
import { createUser } from '../../src/accounts/users.ts';
import { keyOf } from '../../src/auth/key.ts';
import { createPasswords } from '../../src/auth/password.ts';
import { refreshKeyOf } from '../../src/auth/refresh-key.ts';
import { readConfig, tokenRulesOf } from '../../src/config.ts';
import type { Inactive, Pair, Pairs, SignedUp } from '../../src/conformance/at-hand.ts';
import { type OpenDatabase, openDatabase } from '../../src/database/open.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { accessTokensOf } from '../../src/schemes.ts';
import { lookedUpKeys } from '../../src/signing-keys.ts';

/** With white space at both ends, for the cases that look there. */
export const PASSWORD = ' a fine long password ';

/** Long enough ago for a pair to have expired, and not so long that it would have been pruned. */
const PAST_MS = 20 * 86_400_000;

interface People {
  user: SignedUp;
  inactive: Inactive;
  pairs: Pairs;
}

/**
 * A user and an inactive one on the database that these variables name, with the keys of both; where there are pairs,
 * also that which the inactive one has from before, and an expired one of somebody else. JWT_ISSUER must be named, since
 * the port is not known to them.
 */
export function makePeople(env: Record<string, string>): Promise<People> {
  const { config, secrets } = readConfig(env);
  const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
  return asGuest(env, async ({ database, tokenSecrets }) => {
    async function make(username: string) {
      const newUser = await newUserSchema.parseAsync({ username, password: PASSWORD });
      const { token } = await createUser(database, passwords, newUser, { origin: NOBODY });
      return { username, password: PASSWORD, key: keyOf(token, tokenSecrets) };
    }
    const accessTokens = accessTokensOf(
      config,
      lookedUpKeys(config, secrets, tokenSecrets, async () => database),
    );
    async function obtain(username: string, now: Date): Promise<Pair | undefined> {
      if (!accessTokens) return undefined;
      const door = { database, passwords, throttle: null };
      const options = { caller: { ...NOBODY, knownAs: null }, rules: tokenRulesOf(config), now };
      const { user, pair } = await obtainTokenPair(door, { username, password: PASSWORD }, options);
      const { id, isStaff, isSuperuser } = user;
      const claims = { userId: id, pairId: pair.id, username, isStaff, isSuperuser, scopes: pair.scopes };
      const { token: access } = await (await accessTokens.prepare(now))(claims);
      const { refreshCount } = pair;
      return { access, refresh: refreshKeyOf({ pairId: pair.id, refreshCount }, tokenSecrets) };
    }
    const user = { ...(await make('ada')), tokenName: 'default', isStaff: false, isThrowAway: false };
    const [inactive, late] = [await make('idle'), await make('late')];
    const [kept, expired] = [
      await obtain(inactive.username, new Date()),
      await obtain(late.username, new Date(Date.now() - PAST_MS)),
    ];
    await database.user.update({ where: { usernameKey: inactive.username }, data: { isActive: false } });
    return { user, inactive, pairs: { ...(kept && { inactive: kept }), ...(expired && { expired }) } };
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
