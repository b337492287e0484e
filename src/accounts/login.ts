import { z } from 'zod';
import type { Passwords } from '../auth/password.ts';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { isRowMissing } from '../database/prisma-errors.ts';
import { InvalidCredentialsError } from './failures.ts';
import { obtainLoginToken } from './login-token.ts';
import { tokenNameSchema } from './new-token.ts';
import type { TokenRules } from './tokens.ts';
import { typedUsernameSchema } from './username.ts';
import { findUser } from './users.ts';

export const loginSchema = z
  .object({
    username: typedUsernameSchema,
    password: z.string().refine((password) => password !== '', 'This field may not be blank.'),
    name: tokenNameSchema.nullish(),
  })
  .brand<'Login'>();

export type Login = z.output<typeof loginSchema>;

/**
 * The login token of whoever these credentials belong to.
 * Throws InvalidCredentialsError for a wrong password, an unknown user and an inactive user alike: the same words
 * after the same work.
 */
export async function logIn(
  database: Database,
  passwords: Passwords,
  login: Login,
  { rules, now }: { rules: TokenRules; now: Date },
): Promise<{ user: User; token: Token }> {
  const { username, password, name } = login;
  const user = await findUser(database, username);
  const isRight = await passwords.verify(password, user?.passwordHash ?? null);
  if (!user || !isRight || !user.isActive) throw new InvalidCredentialsError();
  // A login ends under the very hash that it proved, or begins anew: a password changed meanwhile, with all the tokens
  // issued under it ended, must not give out one more.
  const proved = { id: user.id, passwordHash: user.passwordHash };
  if (user.passwordHash && passwords.needsRehash(user.passwordHash)) {
    const passwordHash = await passwords.hash(password);
    await database.user.updateMany({ where: proved, data: { passwordHash } });
    proved.passwordHash = passwordHash;
  }
  const token = await obtainLoginToken(database, { userId: user.id, name: name ?? LOGIN_TOKEN_NAME, rules, now });
  if (!token) throw new InvalidCredentialsError();
  try {
    return { user: await database.user.update({ where: proved, data: { lastLogin: now } }), token };
  } catch (error) {
    if (isRowMissing(error)) return logIn(database, passwords, login, { rules, now });
    throw error;
  }
}
