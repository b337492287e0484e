import { RequestRefused } from '../../errors.ts';
import type { AccessClaims, AccessTokens } from '../access-token.ts';
import { isExpired, type TokenLifetimes } from '../expiry.ts';
import { isJwtShaped } from '../jwt-shape.ts';
import { isKeyShaped } from '../key.ts';
import type { Credential, Scheme, SentCredentials } from '../scheme.ts';
import { splitAtWhiteSpace } from '../split-header.ts';
import type { Viewer, ViewerToken } from '../viewer.ts';
import type { TokenViewer } from './token.ts';

export interface JwtSchemeOptions {
  accessTokens: AccessTokens;
  /** Whether every Bearer is its own but keys; else, where keys come as Bearer, those alone that look like a JWT. */
  takesEveryBearer: boolean;
  /** Whether a token's pair and user are looked at, too. */
  isStrict: boolean;
  /** The pair of this id with its user, or null when there is none; one query at most. Asked where it is strict alone. */
  findViewer(pairId: string): Promise<TokenViewer | null>;
  lifetimes: TokenLifetimes;
  /** Told of each pair whose access token is accepted, where it is looked up. */
  noteUse(viewer: TokenViewer): void;
  now(): Date;
}

const MALFORMED = 'Authorization header must contain two space-delimited values';
const NOT_VALID = 'Given token not valid for any token type';

/** What a client can make of a refusal: by the first it knows that it is time to refresh. */
const REASONS = { expired: 'Token is expired', invalid: 'Token is invalid' } as const;

/**
 * `Authorization: Bearer <access token>`. Source: djangorestframework-simplejwt, JWTAuthentication, for the words;
 * RFC 6750 section 3 for the challenge.
 */
export function jwtScheme(options: JwtSchemeOptions): Scheme {
  const { accessTokens, isStrict, now } = options;

  function read(sent: SentCredentials): Credential | null {
    const [word = '', ...parts] = splitAtWhiteSpace(sent.get('authorization') ?? '');
    const [token] = parts;
    if (word.toLowerCase() !== 'bearer' || isKeyShaped(token ?? '')) return null;
    if (!options.takesEveryBearer && !isJwtShaped(token ?? '')) return null;
    if (token === undefined || parts.length > 1) throw refused(MALFORMED, MALFORMED);
    return { authenticate: () => authenticate(token) };
  }

  async function authenticate(token: string): Promise<Viewer> {
    const verdict = await accessTokens.verify(token, now());
    if (!verdict.isAccepted) throw refused(NOT_VALID, REASONS[verdict.reason]);
    const { claims, issuedAt, expiresAt } = verdict;
    const access = tokenOf(claims, issuedAt, expiresAt);
    return isStrict ? { user: await requireUser(claims), token: access } : { user: userOf(claims), token: access };
  }

  async function requireUser({ pairId, userId }: AccessClaims): Promise<Viewer['user']> {
    const found = await options.findViewer(pairId);
    const isPair = found?.token.kind === 'REFRESH' && found.user.id === userId;
    if (!isPair || isExpired(found.token, options.lifetimes, now())) throw refused(NOT_VALID, REASONS.invalid);
    if (!found.user.isActive) throw refused('User is inactive', 'User is inactive');
    options.noteUse(found);
    return found.user;
  }

  return { name: 'jwt', challenge: 'Bearer realm="api"', isAmbient: false, read };
}

function userOf({ userId, username, isStaff, isSuperuser }: AccessClaims): Viewer['user'] {
  return { id: userId, username, isStaff, isSuperuser };
}

/** As the caller's token, under the id of its pair: whoever ends that ends the way in. */
function tokenOf({ pairId, userId, scopes }: AccessClaims, issuedAt: Date, expiresAt: Date): ViewerToken {
  const none = { lastUsedAt: null, supersededAt: null };
  return { id: pairId, userId, kind: 'ACCESS', name: 'access', scopes, createdAt: issuedAt, expiresAt, ...none };
}

function refused(message: string, description: string): RequestRefused {
  const challenge = `Bearer error="invalid_token", error_description="${description}"`;
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': challenge });
}
