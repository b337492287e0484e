import type { User } from '../database/generated/prisma/client.ts';
import { globalIdOf } from '../graphql/global-id.ts';

/** A user as the command line's JSON tells of him: the API's names, and never a password's hash. */
export function userJson({ id, username, email, isActive, isStaff, isSuperuser, dateJoined, lastLogin }: User) {
  return { id: globalIdOf('User', id), username, email, isActive, isStaff, isSuperuser, dateJoined, lastLogin };
}

/** What the user may do, in one word. */
export function roleOf({ isStaff, isSuperuser }: User): string {
  if (isSuperuser) return 'superuser';
  return isStaff ? 'staff' : '-';
}
