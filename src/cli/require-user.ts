import { findUser } from '../accounts/users.ts';
import type { Database } from '../database/client.ts';
import type { User } from '../database/generated/prisma/client.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';

/** The user whom an argument names, in any spelling that folds alike. */
export async function requireUser(database: Database, username: string): Promise<User> {
  const user = await findUser(database, username);
  if (!user) throw new OperatorError(`There is no user ${harmless(username)}. "tessera user list" shows who there is.`);
  return user;
}
