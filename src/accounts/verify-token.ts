import type { AccessTokens } from '../auth/access-token.ts';
import { expiryOf } from '../auth/expiry.ts';
import { judgeKey } from '../auth/judge-key.ts';
import { isKeyShaped, type TokenSecrets } from '../auth/key.ts';
import { isRefreshShaped } from '../auth/refresh-key.ts';
import type { SchemeName } from '../auth/scheme.ts';
import type { ViewerUser } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import { InvalidTokenError } from './failures.ts';
import { findByRefreshToken, requirePair } from './token-pairs.ts';
import type { TokenRules } from './tokens.ts';
import { findViewer } from './viewers.ts';

/** What a token that is good now is worth. */
export interface VerifiedToken {
  kind: 'LOGIN' | 'API' | 'ACCESS' | 'REFRESH';
  /** Of its row: for an access token that of its pair. */
  tokenId: string;
  user: ViewerUser;
  scopes: string[];
  issuedAt: Date;
  expiresAt: Date | null;
}

interface VerifyOptions {
  secrets: TokenSecrets;
  /** What is closed as a way in is no good, whoever has it still. */
  authentication: readonly SchemeName[];
  /** Null: no access token is good here. */
  accessTokens: AccessTokens | null;
  rules: TokenRules;
  now: Date;
}

/**
 * What this access token, refresh token or key is worth, by the database's word and not by its signature alone; no use
 * of it is noted. Throws InvalidTokenError in simplejwt's words.
 */
export async function verifyToken(database: Database, token: string, options: VerifyOptions): Promise<VerifiedToken> {
  const { authentication } = options;
  if (isKeyShaped(token)) {
    if (!authentication.includes('token')) throw new InvalidTokenError('Token is invalid');
    return verifyKey(database, token, options);
  }
  if (!authentication.includes('jwt')) throw new InvalidTokenError('Token is invalid');
  if (isRefreshShaped(token)) {
    const { user, pair } = await findByRefreshToken(database, token, options);
    const { id, scopes, refreshedAt, createdAt, expiresAt } = pair;
    return { kind: 'REFRESH', tokenId: id, user, scopes, issuedAt: refreshedAt ?? createdAt, expiresAt };
  }
  const verdict = await options.accessTokens?.verify(token, options.now);
  if (!verdict?.isAccepted) {
    throw new InvalidTokenError(verdict?.flaw === 'jwt-expired' ? 'Token is expired' : 'Token is invalid');
  }
  const { claims, issuedAt, expiresAt } = verdict;
  const { user, pair } = await requirePair(database, claims.pairId, options);
  if (user.id !== claims.userId) throw new InvalidTokenError('Token is invalid');
  return { kind: 'ACCESS', tokenId: pair.id, user, scopes: claims.scopes, issuedAt, expiresAt };
}

async function verifyKey(database: Database, key: string, options: VerifyOptions): Promise<VerifiedToken> {
  const { secrets, rules, now } = options;
  const verdict = await judgeKey(key, {
    secrets,
    findViewer: (tokenId) => findViewer(database, tokenId),
    lifetimes: rules.lifetimes,
    now: () => now,
  });
  if (!verdict.isAccepted) {
    const messages = { expired: 'Token is expired', 'user-inactive': 'User is inactive' };
    throw new InvalidTokenError(messages[verdict.reason as keyof typeof messages] ?? 'Token is invalid');
  }
  const { user, token } = verdict.viewer;
  const { id, kind, scopes, createdAt } = token;
  const expiresAt = expiryOf(token, rules.lifetimes);
  return { kind: kind as 'LOGIN' | 'API', tokenId: id, user, scopes, issuedAt: createdAt, expiresAt };
}
