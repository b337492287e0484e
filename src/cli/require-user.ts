import { findUser, findUserById } from '../accounts/users.ts';
import type { Database } from '../database/client.ts';
import type { User } from '../database/generated/prisma/client.ts';
import { OperatorError } from '../errors.ts';
import { parseGlobalId } from '../graphql/global-id.ts';
import { harmless } from './harmless.ts';

/** The user whom an argument names, in any spelling that folds alike, or by the id that the API and the log show. */
export async function requireUser(database: Database, username: string): Promise<User> {
  // No username has the = that such an id ends with.
  const { typename, id } = (username.endsWith('=') && parseGlobalId(username)) || {};
  const user = typename === 'User' && id ? await findUserById(database, id) : await findUser(database, username);
  if (!user)
    throw new OperatorError(`There is no user ${harmless(username)}. "npx tessera user list" shows who there is.`);
  return user;
}
