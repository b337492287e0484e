import type { Database } from '../database/client.ts';
import type { Prisma, Token } from '../database/generated/prisma/client.ts';

/** Where a token stands among its user's: they are listed in the order in which they were made. */
export type TokenPosition = Pick<Token, 'createdAt' | 'id'>;

export interface TokenSlice {
  userId: string;
  after?: TokenPosition | undefined;
  before?: TokenPosition | undefined;
  /** How many at most. */
  limit: number;
  /** From the end: the newest first. */
  isReversed: boolean;
}

/** Some of a user's tokens. A position need not be that of a token that still is. */
export function listTokens(database: Database, slice: TokenSlice): Promise<Token[]> {
  const { userId, after, before, limit, isReversed } = slice;
  const order = isReversed ? 'desc' : 'asc';
  return database.token.findMany({
    where: { userId, AND: [after ? beyond(after, 'gt') : {}, before ? beyond(before, 'lt') : {}] },
    orderBy: [{ createdAt: order }, { id: order }],
    take: limit,
  });
}

export function countTokens(database: Database, userId: string): Promise<number> {
  return database.token.count({ where: { userId } });
}

function beyond({ createdAt, id }: TokenPosition, side: 'gt' | 'lt'): Prisma.TokenWhereInput {
  return { OR: [{ createdAt: { [side]: createdAt } }, { createdAt, id: { [side]: id } }] };
}
