import { RequestRefused } from '../../errors.ts';
import type { Promptly } from '../../promptly.ts';
import type { AccessClaims, AccessFlaw, AccessTokens, SignedAccess } from '../access-token.ts';
import { isExpired, type TokenLifetimes } from '../expiry.ts';
import type { RefusedToken } from '../judge-key.ts';
import { isJwtShaped } from '../jwt-shape.ts';
import { isKeyShaped } from '../key.ts';
import type { Credential, Scheme, SentCredentials } from '../scheme.ts';
import type { Sender } from '../sender.ts';
import { isWord, splitAtWhiteSpace } from '../split-header.ts';
import type { TokenViewer, Viewer, ViewerToken } from '../viewer.ts';

export interface JwtSchemeOptions extends JudgeAccessOptions {
  /** Whether every Bearer is its own but keys; else, where keys come as Bearer, those alone that look like a JWT. */
  takesEveryBearer: boolean;
  /** Told of each pair whose access token is accepted, where it is looked up. */
  noteUse(viewer: TokenViewer): void;
  /** Told of each access token that is refused, but for those whose time is merely over: of which pair it was. */
  noteRefusal(pair: RefusedToken | null, sender: Sender): void;
}

interface JudgeAccessOptions {
  accessTokens: AccessTokens;
  /** Whether a token's pair and user are looked at, too. */
  isStrict: boolean;
  /** The pair of this id with its user, or null when there is none; one query at most. Asked where it is strict alone. */
  findViewer(pairId: string): Promptly<TokenViewer | null>;
  lifetimes: TokenLifetimes;
  now(): Date;
}

/** What is wrong with a Bearer that was meant for this scheme. */
export type BearerFlaw = 'no-credentials' | 'spaces';

/** What an access token is worth now, and all that was learned on the way. Only the server's own people may see it. */
type AccessJudgement =
  | { isAccepted: true; signed: SignedAccess; viewer: TokenViewer | null }
  | { isAccepted: false; reason: AccessFlaw; signed: SignedAccess | null; viewer: null }
  | { isAccepted: false; reason: PairFlaw; signed: SignedAccess; viewer: TokenViewer | null };

/** What of its pair makes an access token no good where it is looked at. */
export type PairFlaw = 'pair-ended' | 'pair-expired' | 'user-inactive';

const MALFORMED = 'Authorization header must contain two space-delimited values';
const NOT_VALID = 'Given token not valid for any token type';
const INACTIVE = 'User is inactive';

/**
 * `Authorization: Bearer <access token>`. Source: djangorestframework-simplejwt, JWTAuthentication, for the words;
 * RFC 6750 section 3 for the challenge.
 */
export function jwtScheme(options: JwtSchemeOptions): Scheme {
  function read(sent: SentCredentials): Credential | null {
    const reading = readBearer(sent, options);
    if (reading === null) return null;
    if (reading.flaw !== null) throw refused(MALFORMED, MALFORMED);
    return { authenticate: () => authenticate(reading.token, sent) };
  }

  async function authenticate(token: string, sent: SentCredentials): Promise<Viewer> {
    const judgement = await judgeAccess(token, options);
    if (!judgement.isAccepted) {
      const claims = judgement.signed?.claims;
      const pair = claims ? { id: claims.pairId, userId: claims.userId } : null;
      if (judgement.reason !== 'jwt-expired') options.noteRefusal(pair, sent.sender);
      if (judgement.reason === 'user-inactive') throw refused(INACTIVE, INACTIVE);
      // By the first a client knows that it is time to refresh.
      throw refused(NOT_VALID, judgement.reason === 'jwt-expired' ? 'Token is expired' : 'Token is invalid');
    }
    const { signed, viewer } = judgement;
    if (viewer) options.noteUse(viewer);
    return { user: viewer ? viewer.user : userOf(signed.claims), token: tokenOf(signed) };
  }

  return { name: 'jwt', challenge: 'Bearer realm="api"', isAmbient: false, read };
}

/** The access token that the headers carry, or their flaw; null when it is nothing of this scheme's. */
export function readBearer(
  sent: Pick<Headers, 'get'>,
  { takesEveryBearer }: Pick<JwtSchemeOptions, 'takesEveryBearer'>,
): { flaw: null; token: string } | { flaw: BearerFlaw } | null {
  const header = sent.get('authorization');
  // Most that come are keys of other schemes: of those nothing is taken apart here.
  if (header === null || !/^[ \t\n\r\v\f]*bearer/i.test(header)) return null;
  const [word = '', ...parts] = splitAtWhiteSpace(header);
  const [token] = parts;
  if (!isWord(word, 'bearer') || isKeyShaped(token ?? '')) return null;
  if (!takesEveryBearer && !isJwtShaped(token ?? '')) return null;
  if (token === undefined) return { flaw: 'no-credentials' };
  return parts.length > 1 ? { flaw: 'spaces' } : { flaw: null, token };
}

/** What this access token is worth now; one that arithmetic refuses never reaches `findViewer`. */
export async function judgeAccess(token: string, options: JudgeAccessOptions): Promise<AccessJudgement> {
  const verdict = await options.accessTokens.verify(token, options.now());
  if (!verdict.isAccepted) return { isAccepted: false, reason: verdict.flaw, signed: verdict.signed, viewer: null };
  if (!options.isStrict) return { isAccepted: true, signed: verdict, viewer: null };
  const viewer = await options.findViewer(verdict.claims.pairId);
  const reason = flawOfPair(viewer, verdict, options);
  if (reason !== null) return { isAccepted: false, reason, signed: verdict, viewer };
  return { isAccepted: true, signed: verdict, viewer };
}

/** What is wrong with the pair of an access token, as it was found; null: nothing. */
export function flawOfPair(
  viewer: TokenViewer | null,
  { claims: { userId } }: SignedAccess,
  { lifetimes, now }: Pick<JwtSchemeOptions, 'lifetimes' | 'now'>,
): PairFlaw | null {
  if (viewer?.token.kind !== 'REFRESH' || viewer.user.id !== userId) return 'pair-ended';
  if (isExpired(viewer.token, lifetimes, now())) return 'pair-expired';
  return viewer.user.isActive ? null : 'user-inactive';
}

function userOf({ userId, username, isStaff, isSuperuser }: AccessClaims): Viewer['user'] {
  return { id: userId, username, isStaff, isSuperuser };
}

/** As the caller's token, under the id of its pair: whoever ends that ends the way in. */
function tokenOf({ claims: { pairId, userId, scopes }, issuedAt, expiresAt }: SignedAccess): ViewerToken {
  const none = { lastUsedAt: null, supersededAt: null };
  return { id: pairId, userId, kind: 'ACCESS', name: 'access', scopes, createdAt: issuedAt, expiresAt, ...none };
}

function refused(message: string, description: string): RequestRefused {
  const challenge = `Bearer error="invalid_token", error_description="${description}"`;
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': challenge });
}
