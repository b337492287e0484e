import { z } from 'zod';
import type { Passwords } from '../auth/password.ts';
import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { isRowMissing } from '../database/prisma-errors.ts';
import { InvalidCredentialsError } from './failures.ts';
import { text } from './text.ts';
import { obtainLoginToken } from './tokens.ts';
import { typedUsernameSchema } from './username.ts';
import { findUser } from './users.ts';

export const tokenNameSchema = text(100);

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
  { username, password, name }: Login,
  now: Date,
): Promise<{ user: User; token: Token }> {
  const user = await findUser(database, username);
  const isRight = await passwords.verify(password, user?.passwordHash ?? null);
  if (!user || !isRight || !user.isActive) throw new InvalidCredentialsError();
  if (user.passwordHash && passwords.needsRehash(user.passwordHash)) {
    // Only over the hash that was just proved: a password changed meanwhile stays changed.
    await database.user.updateMany({
      where: { id: user.id, passwordHash: user.passwordHash },
      data: { passwordHash: await passwords.hash(password) },
    });
  }
  try {
    const token = await obtainLoginToken(database, { userId: user.id, name: name ?? 'default', now });
    return { user: await database.user.update({ where: { id: user.id }, data: { lastLogin: now } }), token };
  } catch (error) {
    if (isRowMissing(error)) throw new InvalidCredentialsError();
    throw error;
  }
}
