import { absoluteExpiryOf, isExpired, type TokenLifetimes } from '../auth/expiry.ts';
import { EVERY_SCOPE } from '../auth/scope.ts';
import type { Viewer } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import { Prisma } from '../database/generated/prisma/client.ts';
import { RequestRefused } from '../errors.ts';
import { findViewer } from './viewers.ts';

/** What a caller can hand on: a token that a token makes neither outreaches nor outlives it. */
export interface Grant {
  scopes: readonly string[];
  /** Null: for ever. */
  until: Date | null;
  /** The token that all this rests on; null where the caller came in without one. */
  token: { id: string; expiresAt: Date | null } | null;
}

/**
 * What this caller can hand on, read anew: since the request was let in, its token may have been revoked or rotated,
 * or its user kept out. Throws RequestRefused (AUTHENTICATION_FAILED) then.
 */
export async function readGrant(
  database: Database,
  viewer: Viewer,
  { lifetimes, now }: { lifetimes: TokenLifetimes; now: Date },
): Promise<Grant> {
  if (!viewer.token) return { scopes: [EVERY_SCOPE], until: null, token: null };
  const found = await findViewer(database, viewer.token.id);
  if (!found || isExpired(found.token, lifetimes, now)) {
    throw new RequestRefused('AUTHENTICATION_FAILED', 'Invalid token.');
  }
  if (!found.user.isActive) throw new RequestRefused('AUTHENTICATION_FAILED', 'User inactive or deleted.');
  const { token } = found;
  return { scopes: token.scopes, until: absoluteExpiryOf(token, lifetimes), token };
}

/** For SQL: whether the token behind the grant, if there is one, is as it was when the grant was read. */
export function isStanding(grant: Grant | undefined): Prisma.Sql {
  if (!grant?.token) return Prisma.sql`true`;
  const { id, expiresAt } = grant.token;
  return Prisma.sql`EXISTS (
    SELECT FROM "Token" WHERE "id" = ${id}::uuid AND "expiresAt" IS NOT DISTINCT FROM ${expiresAt}::timestamptz)`;
}
