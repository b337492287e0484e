import type { Database } from '../database/client.ts';
import type { Token } from '../database/generated/prisma/client.ts';

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

const COLUMNS = `
  "id", "userId", "kind"::text AS "kind", "name", "scopes", "createdAt", "expiresAt", "lastUsedAt", "supersededAt",
  "refreshCount", "refreshedAt"`;

/** Some of a user's tokens, in one read of their index. A position need not be that of a token that still is. */
export function listTokens(database: Database, slice: TokenSlice): Promise<Token[]> {
  const { userId, after, before, limit, isReversed } = slice;
  const order = isReversed ? 'DESC' : 'ASC';
  const values: unknown[] = [userId, limit];
  function beyond({ createdAt, id }: TokenPosition, side: '>' | '<'): string {
    const at = values.push(createdAt.toISOString(), id);
    return `AND ("createdAt", "id") ${side} ($${at - 1}::timestamptz, $${at}::uuid)`;
  }
  return database.$read<Token>(
    `SELECT ${COLUMNS} FROM "Token"
      WHERE "userId" = $1::uuid ${after ? beyond(after, '>') : ''} ${before ? beyond(before, '<') : ''}
      ORDER BY "createdAt" ${order}, "id" ${order} LIMIT $2::int`,
    values,
  );
}

export function countTokens(database: Database, userId: string): Promise<number> {
  return database.token.count({ where: { userId } });
}
