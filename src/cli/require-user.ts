import { findUser, findUserById } from '../accounts/users.ts';
import type { Database } from '../database/client.ts';
import type { User } from '../database/generated/prisma/client.ts';
import { OperatorError } from '../errors.ts';
import { parseGlobalId } from '../graphql/global-id.ts';
import { harmless } from './harmless.ts';

/** The row's id where an argument is a user's global id; else null: it is a username. */
export function readUserId(argument: string): string | null {
  // No username has the = that such an id ends with.
  const { typename, id } = (argument.endsWith('=') && parseGlobalId(argument)) || {};
  return typename === 'User' && id ? id : null;
}

/** The user whom an argument names, in any spelling that folds alike, or by the id that the API and the log show. */
export async function requireUser(database: Database, username: string): Promise<User> {
  const id = readUserId(username);
  const user = id === null ? await findUser(database, username) : await findUserById(database, id);
  if (!user)
    throw new OperatorError(`There is no user ${harmless(username)}. "npx tessera user list" shows who there is.`);
  return user;
}
