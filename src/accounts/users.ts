import type { Passwords } from '../auth/password.ts';
import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { isUniqueViolation } from '../database/prisma-errors.ts';
import { UsernameTakenError } from './failures.ts';
import type { NewUser } from './new-user.ts';
import { usernameKeyOf } from './username.ts';

/** What only an operator may give a user. */
export interface Standing {
  isStaff?: boolean;
  isSuperuser?: boolean;
}

/**
 * The user just made, with the login token that was made in the same write.
 * Throws UsernameTakenError when the name, folded, belongs to somebody.
 */
export async function createUser(
  database: Database,
  passwords: Passwords,
  { username, password, email }: NewUser,
  { origin, ...standing }: Standing & { origin: Origin },
): Promise<{ user: User; token: Token }> {
  const passwordHash = await passwords.hash(password);
  try {
    const [, { tokens, ...user }] = await database.$transaction([
      changedBy(database, origin),
      database.user.create({
        data: { username, usernameKey: usernameKeyOf(username), email: email ?? null, passwordHash, ...standing },
        include: { tokens: true },
      }),
    ]);
    const [token] = tokens;
    if (!token) throw new Error('A user was made without a login token: is the autoToken extension applied?');
    return { user, token };
  } catch (error) {
    if (isUniqueViolation(error, 'usernameKey')) throw new UsernameTakenError();
    throw error;
  }
}

/** The user of this name in any spelling that folds alike, or null. */
export function findUser(database: Database, username: string): Promise<User | null> {
  return database.user.findUnique({ where: { usernameKey: usernameKeyOf(username) } });
}

export function findUserById(database: Database, id: string): Promise<User | null> {
  return database.user.findUnique({ where: { id } });
}

/** As findUserById, for an id that a foreign key vouches for; throws when the row is gone all the same. */
export function requireUser(database: Database, id: string): Promise<User> {
  return database.user.findUniqueOrThrow({ where: { id } });
}

/** Whether there is one; asked at each start, which needs nothing else of Prisma's engine. */
export async function hasSuperuser(database: Database): Promise<boolean> {
  return (await database.$read('SELECT FROM "User" WHERE "isSuperuser" LIMIT 1', [])).length > 0;
}

export function countUsers(database: Database): Promise<number> {
  return database.user.count();
}

/** Lets the user's keys and password in or keeps them out, tokens untouched; whether that changed anything. */
export async function setActive(
  database: Database,
  { userId, isActive }: { userId: string; isActive: boolean },
  origin: Origin,
): Promise<boolean> {
  const [, { count }] = await database.$transaction([
    changedBy(database, origin),
    database.user.updateMany({ where: { id: userId, isActive: !isActive }, data: { isActive } }),
  ]);
  return count > 0;
}

/** Ends the user and every token: how many tokens there were, or null when the user was gone already. */
export async function deleteUser(database: Database, userId: string, origin: Origin): Promise<number | null> {
  const [, , tokens, users] = await database.$transaction([
    changedBy(database, origin),
    // No login adds a token from here on, so the count is true.
    database.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${userId}::uuid FOR UPDATE`,
    database.token.deleteMany({ where: { userId } }),
    database.user.deleteMany({ where: { id: userId } }),
  ]);
  return users.count > 0 ? tokens.count : null;
}
