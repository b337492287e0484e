import type { TokenViewer, ViewerToken, ViewerUser } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';

type Row = ViewerUser & { [Column in keyof ViewerToken as `token_${Column}`]: ViewerToken[Column] };

const VIEWERS = `
  SELECT u."id", u."username", u."email", u."isActive", u."isStaff", u."isSuperuser", u."dateJoined", u."lastLogin",
         t."id" AS "token_id", t."userId" AS "token_userId", t."kind"::text AS "token_kind", t."name" AS "token_name",
         t."scopes" AS "token_scopes", t."createdAt" AS "token_createdAt", t."expiresAt" AS "token_expiresAt",
         t."lastUsedAt" AS "token_lastUsedAt", t."supersededAt" AS "token_supersededAt"
    FROM "Token" t JOIN "User" u ON u."id" = t."userId"`;
const OF_ONE = `${VIEWERS} WHERE t."id" = $1`;
const OF_SEVERAL = `${VIEWERS} WHERE t."id" = ANY($1::uuid[])`;

/**
 * The token of this id with its user, or null; whether either is still good is for the caller to judge.
 * One query: this is what every authenticated request waits for, and Prisma's `include` may make it two.
 */
export async function findViewer(database: Database, tokenId: string): Promise<TokenViewer | null> {
  const [row] = await database.$read<Row>(OF_ONE, [tokenId]);
  return row ? viewerOf(row) : null;
}

/** As findViewer, for several tokens: those that there are, in no order. */
export async function findViewers(database: Database, tokenIds: readonly string[]): Promise<TokenViewer[]> {
  const rows = await database.$read<Row>(OF_SEVERAL, [tokenIds]);
  return rows.map(viewerOf);
}

function viewerOf(row: Row): TokenViewer {
  return {
    user: {
      id: row.id,
      username: row.username,
      email: row.email,
      isActive: row.isActive,
      isStaff: row.isStaff,
      isSuperuser: row.isSuperuser,
      dateJoined: row.dateJoined,
      lastLogin: row.lastLogin,
    },
    token: {
      id: row.token_id,
      userId: row.token_userId,
      kind: row.token_kind,
      name: row.token_name,
      scopes: row.token_scopes,
      createdAt: row.token_createdAt,
      expiresAt: row.token_expiresAt,
      lastUsedAt: row.token_lastUsedAt,
      supersededAt: row.token_supersededAt,
    },
  };
}
