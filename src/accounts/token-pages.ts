import type { Database } from '../database/client.ts';
import type { Prisma, Token } from '../database/generated/prisma/client.ts';
import { type Page, type PageAsked, pageOf } from './page.ts';

export interface ListedToken extends Token {
  user: { id: string; username: string };
}

/**
 * Tokens of one user or of all, in the order of folded usernames, then of names; `after` is a token's id.
 * Null when there is no token of that id to go on after.
 */
export async function findTokenPage(
  database: Database,
  { userId }: { userId?: string | undefined },
  { limit, after }: PageAsked,
): Promise<Page<ListedToken> | null> {
  const where: Prisma.TokenWhereInput = userId === undefined ? {} : { userId };
  const isAfter = after === undefined ? {} : await following(database, after);
  if (!isAfter) return null;
  const total = await database.token.count({ where });
  const rows = await database.token.findMany({
    where: { AND: [where, isAfter] },
    include: { user: { select: { id: true, username: true } } },
    orderBy: [{ user: { usernameKey: 'asc' } }, { name: 'asc' }, { id: 'asc' }],
    take: limit + 1,
  });
  return pageOf(rows, limit, total);
}

async function following(database: Database, id: string): Promise<Prisma.TokenWhereInput | null> {
  const last = await database.token.findUnique({ where: { id }, include: { user: { select: { usernameKey: true } } } });
  if (!last) return null;
  const { userId, name, user } = last;
  return {
    OR: [
      { user: { usernameKey: { gt: user.usernameKey } } },
      { userId, name: { gt: name } },
      { userId, name, id: { gt: id } },
    ],
  };
}
