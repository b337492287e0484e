import * as z from 'zod';
import { absoluteExpiryOf, isExpired } from '../auth/expiry.ts';
import { isKeyed } from '../auth/judge-key.ts';
import { newTokenId } from '../auth/key.ts';
import { lackingScopes } from '../auth/scope.ts';
import type { Viewer } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import type { Token } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { overloaded } from '../errors.ts';
import { isExpiredSql } from './expired.ts';
import { ScopeNotGrantedError, TokenNotFoundError, ValidationError } from './failures.ts';
import { type Grant, isStanding, readGrant } from './grant.ts';
import { MOST_TRIES } from './issue-token.ts';
import { refuseChurn } from './token-churn.ts';
import { findToken, type TokenRules } from './tokens.ts';
import { lockUser } from './user-lock.ts';

const MOST_OVERLAP_SECONDS = 7 * 86_400;
const OVERLAP_RULE = `This must be 0 to ${MOST_OVERLAP_SECONDS} seconds, which are 7 days.`;

export const overlapSchema = z.number().min(0, OVERLAP_RULE).max(MOST_OVERLAP_SECONDS, OVERLAP_RULE).nullish();

interface Rotation {
  tokenId: string;
  /** How long the old key works beside the new one. */
  overlapSeconds: number;
  rules: Pick<TokenRules, 'lifetimes' | 'maxTokensPerHour'>;
  now: Date;
  origin: Origin;
}

/**
 * A token in the place of one of the viewer's own, which is superseded: the same but for its id, and for its life, which
 * rotating never extends. Of several rotations of one token at once, one comes to something.
 * Throws TokenNotFoundError for a token that is not the viewer's, or lives no more, or is superseded already;
 * ScopeNotGrantedError and ValidationError for one that may do more, or lives longer, than the viewer's own.
 */
export async function rotateToken(
  database: Database,
  viewer: Viewer,
  rotation: Rotation,
  triesLeft = MOST_TRIES,
): Promise<Token> {
  const { tokenId, rules, now } = rotation;
  const grant = await readGrant(database, viewer, { lifetimes: rules.lifetimes, now });
  const old = await findToken(database, tokenId);
  const isLive = old !== null && old.supersededAt === null && !isExpired(old, rules.lifetimes, now);
  if (!isLive || old.userId !== viewer.user.id) throw new TokenNotFoundError();
  if (!isKeyed(old)) {
    throw new ValidationError([
      { path: ['id'], message: 'A session or a token pair has no key to rotate. Revoke it.' },
    ]);
  }
  const lacking = lackingScopes(grant.scopes, old.scopes);
  if (lacking.length > 0) throw new ScopeNotGrantedError(lacking, 'Rotate it with a token that has these.');
  const until = absoluteExpiryOf(old, rules.lifetimes);
  if (grant.until && (!until || until > grant.until)) {
    const message = `This token lives longer than yours, which expires at ${grant.until.toISOString()}: rotate it with one that lives as long.`;
    throw new ValidationError([{ path: ['id'], message }]);
  }
  await refuseChurn(database, viewer.user.id, rules.maxTokensPerHour);
  // Whatever was changed since it was judged is judged anew.
  const token = await supersede(database, { old, until, grant, rotation });
  if (token) return token;
  if (triesLeft === 0) throw overloaded();
  return rotateToken(database, viewer, rotation, triesLeft - 1);
}

interface Superseding {
  old: Token;
  until: Date | null;
  grant: Grant;
  rotation: Rotation;
}

/** The new row, or null when the old one, or what the grant rests on, is no longer what it was. */
async function supersede(database: Database, { old, until, grant, rotation }: Superseding): Promise<Token | null> {
  const { rules, now, overlapSeconds, origin } = rotation;
  const id = newTokenId();
  const end = new Date(now.getTime() + overlapSeconds * 1000);
  const [, , [token]] = await database.$transaction([
    lockUser(database, old.userId),
    changedBy(database, origin),
    // The name must be free before it is taken again: hence one row made from the other.
    database.$queryRaw<Token[]>`
      WITH superseded AS (
        UPDATE "Token" t SET "supersededAt" = ${now}, "expiresAt" = least(t."expiresAt", ${end})
         WHERE t."id" = ${old.id}::uuid AND t."userId" = ${old.userId}::uuid AND t."name" = ${old.name}
           AND coalesce(t."scopes", '{}') = ${old.scopes}::text[] AND t."expiresAt" IS NOT DISTINCT FROM ${old.expiresAt}::timestamptz
           AND t."supersededAt" IS NULL AND NOT ${isExpiredSql(now, rules.lifetimes)} AND ${isStanding(grant)}
        RETURNING t.*
      )
      INSERT INTO "Token" ("id", "userId", "kind", "name", "scopes", "createdAt", "expiresAt")
      SELECT ${id}::uuid, "userId", "kind", "name", ${old.scopes}::text[], ${now}, ${until} FROM superseded
      RETURNING *`,
    // One superseded token a name at most, so that nothing piles up.
    database.$executeRaw`
      DELETE FROM "Token"
       WHERE "userId" = ${old.userId}::uuid AND "name" = ${old.name} AND "supersededAt" IS NOT NULL
         AND "id" <> ${old.id}::uuid AND EXISTS (SELECT FROM "Token" WHERE "id" = ${id}::uuid)`,
  ]);
  return token ?? null;
}
