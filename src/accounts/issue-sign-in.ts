import { newTokenId } from '../auth/key.ts';
import { EVERY_SCOPE } from '../auth/scope.ts';
import type { Database } from '../database/client.ts';
import { Prisma, type Token, type User } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { isExpiredSql } from './expired.ts';
import type { TokenRules } from './tokens.ts';
import { lockUser } from './user-lock.ts';

interface SignIn {
  /** Who has proved himself, and the hash that he has proved. */
  user: Pick<User, 'id' | 'passwordHash'>;
  kind: 'SESSION' | 'REFRESH';
  /** Null: the lifetimes of its kind alone end it. */
  expiresAt: Date | null;
}

/**
 * A row for somebody who has just signed in by a browser or for a pair; null when the user is gone or inactive, or the
 * password is another by now. Where a user has as many of the kind as the rules allow, the one unused for longest makes
 * way: whoever has the password can always get in.
 */
export async function issueSignIn(
  database: Database,
  { user, kind, expiresAt }: SignIn,
  { rules, now, origin }: { rules: TokenRules; now: Date; origin: Origin },
): Promise<Token | null> {
  const id = newTokenId();
  const name = `${kind === 'SESSION' ? 'session' : 'pair'} ${id.replaceAll('-', '').slice(0, 12)}`;
  const [, , , [token]] = await database.$transaction([
    changedBy(database, origin),
    lockUser(database, user.id),
    database.$executeRaw`
      DELETE FROM "Token" WHERE "id" IN (
        SELECT t."id" FROM "Token" t WHERE t."userId" = ${user.id}::uuid AND t."kind" = ${kind}::"TokenKind"
         ORDER BY ${isExpiredSql(now, rules.lifetimes)}, greatest(t."createdAt", t."lastUsedAt") DESC, t."id"
        OFFSET ${rules.maxTokensPerUser - 1})
        AND EXISTS (SELECT FROM "User" u WHERE ${isAsProved(user)})`,
    database.$queryRaw<Token[]>`
      INSERT INTO "Token" ("id", "userId", "kind", "name", "scopes", "createdAt", "expiresAt")
      SELECT ${id}::uuid, u."id", ${kind}::"TokenKind", ${name}, ${[EVERY_SCOPE]}::text[], ${now}, ${expiresAt}
        FROM "User" u
       WHERE ${isAsProved(user)}
      RETURNING *`,
  ]);
  return token ?? null;
}

/** For SQL: whether a row `u` is this user, who may come in, with the password that he has proved. */
function isAsProved({ id, passwordHash }: SignIn['user']): Prisma.Sql {
  return Prisma.sql`
    u."id" = ${id}::uuid AND u."isActive" AND u."passwordHash" IS NOT DISTINCT FROM ${passwordHash}`;
}
