import type { Viewer } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { isRowMissing } from '../database/prisma-errors.ts';
import { isExpiredSql } from './expired.ts';
import { TokenNotFoundError } from './failures.ts';
import type { TokenRules } from './tokens.ts';
import { lockUser } from './user-lock.ts';

/** Ends one of the viewer's own tokens. Throws TokenNotFoundError for any other, existing or not. */
export async function revokeToken(database: Database, viewer: Viewer, tokenId: string, origin: Origin): Promise<Token> {
  try {
    const [, token] = await database.$transaction([
      changedBy(database, origin),
      database.token.delete({ where: { id: tokenId, userId: viewer.user.id } }),
    ]);
    return token;
  } catch (error) {
    if (isRowMissing(error)) throw new TokenNotFoundError();
    throw error;
  }
}

interface RevokeAllOptions {
  /** Whether the viewer's own token, superseded or not, stays. */
  keepCurrent: boolean;
  rules: Pick<TokenRules, 'lifetimes'>;
  now: Date;
  origin: Origin;
}

/** Ends the viewer's tokens, also those that others of his are just making: how many lived until now. */
export async function revokeAllTokens(
  database: Database,
  { user, token }: Viewer,
  { keepCurrent, rules, now, origin }: RevokeAllOptions,
): Promise<number> {
  const kept = keepCurrent && token ? token.id : null;
  const [, , [ended]] = await database.$transaction([
    lockUser(database, user.id),
    changedBy(database, origin),
    database.$queryRaw<{ live: number }[]>`
      WITH ended AS (
        DELETE FROM "Token" t WHERE t."userId" = ${user.id}::uuid AND t."id" IS DISTINCT FROM ${kept}::uuid
        RETURNING NOT ${isExpiredSql(now, rules.lifetimes)} AS "wasLive"
      )
      SELECT count(*) FILTER (WHERE "wasLive")::int AS "live" FROM ended`,
  ]);
  return ended?.live ?? 0;
}

/** Ends any token of any user, with whose it was; null when there is none of this id. */
export async function endToken(
  database: Database,
  id: string,
  origin: Origin,
): Promise<(Token & { user: User }) | null> {
  try {
    const [, token] = await database.$transaction([
      changedBy(database, origin),
      database.token.delete({ where: { id }, include: { user: true } }),
    ]);
    return token;
  } catch (error) {
    if (isRowMissing(error)) return null;
    throw error;
  }
}

/** Ends the user's tokens, all of them or those that bear this name: how many there were. */
export async function endTokensOf(
  database: Database,
  { userId, name }: { userId: string; name?: string | undefined },
  origin: Origin,
): Promise<number> {
  const [, , { count }] = await database.$transaction([
    lockUser(database, userId),
    changedBy(database, origin),
    database.token.deleteMany({ where: { userId, ...(name !== undefined && { name }) } }),
  ]);
  return count;
}
