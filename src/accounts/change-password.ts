import type { Passwords } from '../auth/password.ts';
import type { Database } from '../database/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import type { NewPassword } from './new-password.ts';

interface Change extends NewPassword {
  userId: string;
  /** Whether the keys that were issued under the old password stay good. */
  keepTokens: boolean;
  origin: Origin;
}

/** Puts this password in the old one's place and, unless they are to be kept, ends every token: how many there were. */
export async function changePassword(
  database: Database,
  passwords: Passwords,
  { userId, password, keepTokens, origin }: Change,
): Promise<number> {
  const data = { passwordHash: await passwords.hash(password) };
  const change = database.user.update({ where: { id: userId }, data });
  if (keepTokens) {
    await database.$transaction([changedBy(database, origin), change]);
    return 0;
  }
  // The user first: a login that has proved the old password has made its token before (it goes), or comes too late.
  const [, , { count }] = await database.$transaction([
    changedBy(database, origin),
    change,
    database.token.deleteMany({ where: { userId } }),
  ]);
  return count;
}
