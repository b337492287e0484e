import type { z } from 'zod';
import type { Passwords } from '../auth/password.ts';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { obtainLoginToken } from './login-token.ts';
import { tokenNameSchema } from './new-token.ts';
import { openByPassword, passwordProofSchema } from './password-proof.ts';
import type { TokenRules } from './tokens.ts';

export const loginSchema = passwordProofSchema.extend({ name: tokenNameSchema.nullish() }).brand<'Login'>();

export type Login = z.output<typeof loginSchema>;

interface LoginOptions {
  rules: TokenRules;
  now: Date;
}

/**
 * The login token of whoever these credentials belong to.
 * Throws InvalidCredentialsError for a wrong password, an unknown user and an inactive user alike: the same words
 * after the same work.
 */
export async function logIn(
  database: Database,
  passwords: Passwords,
  { name, ...password }: Login,
  { rules, now }: LoginOptions,
): Promise<{ user: User; token: Token }> {
  const { user, opened } = await openByPassword(database, passwords, password, now, ({ id }) =>
    obtainLoginToken(database, { userId: id, name: name ?? LOGIN_TOKEN_NAME, rules, now }),
  );
  return { user, token: opened };
}
