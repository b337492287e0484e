import type { z } from 'zod';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { obtainLoginToken } from './login-token.ts';
import { tokenNameSchema } from './new-token.ts';
import { type Caller, openByPassword, type PasswordDoor, passwordProofSchema } from './password-proof.ts';
import type { TokenRules } from './tokens.ts';

export const loginSchema = passwordProofSchema.extend({ name: tokenNameSchema.nullish() }).brand<'Login'>();

export type Login = z.output<typeof loginSchema>;

interface LoginOptions {
  caller: Caller;
  rules: TokenRules;
  now: Date;
}

/**
 * The login token of whoever these credentials belong to.
 * Throws InvalidCredentialsError for a wrong password, an unknown user and an inactive user alike: the same words
 * after the same work; RequestRefused (THROTTLED) after too many of them.
 */
export async function logIn(
  door: PasswordDoor,
  { name, ...password }: Login,
  { caller, rules, now }: LoginOptions,
): Promise<{ user: User; token: Token }> {
  const { user, opened } = await openByPassword(door, password, { caller, now }, ({ id }, origin) =>
    obtainLoginToken(door.database, { userId: id, name: name ?? LOGIN_TOKEN_NAME, rules, now, origin }),
  );
  return { user, token: opened };
}
