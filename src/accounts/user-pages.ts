import type { Database } from '../database/client.ts';
import type { Prisma, User } from '../database/generated/prisma/client.ts';
import { type Page, type PageAsked, pageOf } from './page.ts';
import { usernameKeyOf } from './username.ts';

export interface UserFilter {
  /** Text that stands in the username or the e-mail, in any case. */
  search?: string | undefined;
  isActive?: boolean | undefined;
  isStaff?: boolean | undefined;
  isSuperuser?: boolean | undefined;
}

/** Users in the order of their folded usernames; `after` is a username, of somebody or of nobody. */
export async function findUserPage(
  database: Database,
  { search, ...standing }: UserFilter,
  { limit, after }: PageAsked,
): Promise<Page<User>> {
  const where: Prisma.UserWhereInput = { ...withoutUndefined(standing), ...(search !== undefined && contains(search)) };
  const isAfter = after === undefined ? {} : { usernameKey: { gt: usernameKeyOf(after) } };
  const total = await database.user.count({ where });
  const rows = await database.user.findMany({
    where: { AND: [where, isAfter] },
    orderBy: { usernameKey: 'asc' },
    take: limit + 1,
  });
  return pageOf(rows, limit, total);
}

function contains(search: string): Prisma.UserWhereInput {
  // Prisma hands what LIKE takes for wildcards through as it is.
  const literal = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&');
  return {
    OR: [
      { usernameKey: { contains: literal(usernameKeyOf(search)) } },
      { email: { contains: literal(search), mode: 'insensitive' } },
    ],
  };
}

function withoutUndefined<Value extends object>(value: Value) {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}
