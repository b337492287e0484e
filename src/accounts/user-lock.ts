import type { Database } from '../database/client.ts';

/**
 * The first statement of an array transaction: until its end nobody else issues or rotates tokens of this user, ends
 * them all, or changes the password. What comes after it sees what they have committed.
 */
export function lockUser(database: Database, userId: string) {
  // Not FOR UPDATE, for which every other token that is being made would have to wait, whoever makes it.
  return database.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${userId}::uuid FOR NO KEY UPDATE`;
}
