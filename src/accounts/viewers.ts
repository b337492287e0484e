import type { TokenViewer, ViewerToken, ViewerUser } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';

type Row = ViewerUser & { [Column in keyof ViewerToken as `token_${Column}`]: ViewerToken[Column] };

/**
 * The token of this id with its user, or null; whether either is still good is for the caller to judge.
 * One query: this is what every authenticated request waits for, and Prisma's `include` may make it two.
 */
export async function findViewer(database: Database, tokenId: string): Promise<TokenViewer | null> {
  const [viewer] = await findViewers(database, [tokenId]);
  return viewer ?? null;
}

/** As findViewer, for several tokens: those that there are, in no order. */
export async function findViewers(database: Database, tokenIds: readonly string[]): Promise<TokenViewer[]> {
  const rows = await database.$queryRaw<Row[]>`
    SELECT u."id", u."username", u."email", u."isActive", u."isStaff", u."isSuperuser", u."dateJoined", u."lastLogin",
           t."id" AS "token_id", t."userId" AS "token_userId", t."kind"::text AS "token_kind", t."name" AS "token_name",
           t."scopes" AS "token_scopes", t."createdAt" AS "token_createdAt", t."expiresAt" AS "token_expiresAt",
           t."lastUsedAt" AS "token_lastUsedAt", t."supersededAt" AS "token_supersededAt"
      FROM "Token" t JOIN "User" u ON u."id" = t."userId"
     WHERE t."id" = ANY(${tokenIds}::uuid[])`;
  return rows.map(viewerOf);
}

function viewerOf(row: Row): TokenViewer {
  const { token_id, token_userId, token_kind, token_name, token_scopes, ...rest } = row;
  const { token_createdAt, token_expiresAt, token_lastUsedAt, token_supersededAt, ...user } = rest;
  return {
    user,
    token: {
      id: token_id,
      userId: token_userId,
      kind: token_kind,
      name: token_name,
      scopes: token_scopes,
      createdAt: token_createdAt,
      expiresAt: token_expiresAt,
      lastUsedAt: token_lastUsedAt,
      supersededAt: token_supersededAt,
    },
  };
}
