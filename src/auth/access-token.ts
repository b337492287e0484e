import { randomUUID } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { isJwtShaped } from './jwt-shape.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What an access token says. */
export interface AccessClaims {
  userId: string;
  /** The row of the pair that it belongs to. */
  pairId: string;
  username: string;
  isStaff: boolean;
  isSuperuser: boolean;
  scopes: string[];
}

interface IssuedAccess {
  token: string;
  expiresAt: Date;
}

/** An access token that a key of this server has signed, and what it says. */
export interface SignedAccess {
  claims: AccessClaims;
  issuedAt: Date;
  expiresAt: Date;
}

/** What makes a string no access token of this server. */
export type AccessFlaw =
  | 'jwt-shape'
  | 'jwt-key'
  | 'jwt-signature'
  | 'jwt-type'
  | 'jwt-issuer'
  | 'jwt-audience'
  | 'jwt-early'
  | 'jwt-claims'
  | 'jwt-expired';

/** What an access token is worth now. Its flaw is for the server's own people, but for 'jwt-expired'. */
type AccessVerdict =
  | ({ isAccepted: true } & SignedAccess)
  | { isAccepted: false; flaw: AccessFlaw; signed: SignedAccess | null };

export interface AccessTokens {
  /** What issues access tokens now; to be had before anything is spent for one. Throws when there is no key to sign with. */
  prepare(now: Date): Promise<(claims: AccessClaims) => Promise<IssuedAccess>>;
  verify(token: string, now: Date): Promise<AccessVerdict>;
}

type Signer = Awaited<ReturnType<SigningKeys['signer']>>;

interface AccessTokenOptions {
  keys: SigningKeys;
  issuer: string;
  audience: string;
  lifetimeSeconds: number;
  /** How the API names rows; the claims do likewise. */
  ids: {
    nameOf(typename: 'User' | 'Token', id: string): string;
    read(typename: 'User' | 'Token', name: string): string | null;
  };
}

// Said and asked for, so that no other JWT under the same key is taken for one. Source: RFC 9068; RFC 8725, section 3.11.
const TYPE = 'at+jwt';
/** None of ours is half as long: what is longer is refused unread. */
const MOST_CHARACTERS = 4_096;

/** Source: RFC 7519, RFC 9068; RFC 8725 for what is refused. */
export function createAccessTokens({ keys, issuer, audience, lifetimeSeconds, ids }: AccessTokenOptions): AccessTokens {
  async function prepare(now: Date): Promise<(claims: AccessClaims) => Promise<IssuedAccess>> {
    const signer = await keys.signer(now);
    return (claims) => issue(claims, signer, now);
  }

  async function issue(claims: AccessClaims, signer: Signer, now: Date): Promise<IssuedAccess> {
    const { id, algorithm, privateKey } = signer;
    const issuedAt = Math.floor(now.getTime() / 1000);
    const expiresAt = issuedAt + lifetimeSeconds;
    const token = await new SignJWT({
      sid: ids.nameOf('Token', claims.pairId),
      scope: claims.scopes.join(' '),
      username: claims.username,
      is_staff: claims.isStaff,
      is_superuser: claims.isSuperuser,
    })
      .setProtectedHeader({ alg: algorithm, typ: TYPE, kid: id })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(ids.nameOf('User', claims.userId))
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(privateKey);
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  async function verify(token: string, now: Date): Promise<AccessVerdict> {
    if (token.length > MOST_CHARACTERS || !isCanonical(token)) return refused('jwt-shape');
    try {
      const { payload } = await jwtVerify(token, ({ kid, alg }) => requireKey(kid, alg, now), {
        typ: TYPE,
        issuer,
        audience,
        currentDate: now,
        requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp', 'scope'],
      });
      const signed = readSigned(payload);
      return signed ? { isAccepted: true, ...signed } : refused('jwt-claims');
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      // jose looks at what a token says when its signature has been found good, and not before.
      const isSigned = error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
      return refused(flawOf(error), isSigned ? readSigned(error.payload) : null);
    }
  }

  async function requireKey(kid: string | undefined, alg: string | undefined, now: Date) {
    const key = kid === undefined ? null : await keys.find(kid, now);
    // The key says with what it is used, and not whoever sends the token.
    if (!key || key.algorithm !== alg) throw new errors.JWKSNoMatchingKey();
    return key.publicKey;
  }

  function readSigned({
    iat,
    exp,
    sub,
    sid,
    scope,
    username,
    is_staff,
    is_superuser,
  }: JWTPayload): SignedAccess | null {
    const userId = typeof sub === 'string' ? ids.read('User', sub) : null;
    const pairId = typeof sid === 'string' ? ids.read('Token', sid) : null;
    const isRead = userId !== null && pairId !== null && typeof scope === 'string' && typeof username === 'string';
    if (!isRead || typeof is_staff !== 'boolean' || typeof is_superuser !== 'boolean') return null;
    const [issuedAt, expiresAt] = [instantOf(iat), instantOf(exp)];
    if (!issuedAt || !expiresAt) return null;
    const scopes = scope === '' ? [] : scope.split(' ');
    const claims = { userId, pairId, username, isStaff: is_staff, isSuperuser: is_superuser, scopes };
    return { claims, issuedAt, expiresAt };
  }

  return { prepare, verify };
}

/** Whether it is spelt in the one way that it was written in: decoding is lenient, and two spellings are two tokens to others. */
function isCanonical(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return isJwtShaped(token) && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

function refused(flaw: AccessFlaw, signed: SignedAccess | null = null): AccessVerdict {
  return { isAccepted: false, flaw, signed };
}

function flawOf(error: errors.JOSEError): AccessFlaw {
  if (error instanceof errors.JWTExpired) return 'jwt-expired';
  if (error instanceof errors.JWKSNoMatchingKey) return 'jwt-key';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'jwt-signature';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'jwt-shape';
  const flaws = { typ: 'jwt-type', iss: 'jwt-issuer', aud: 'jwt-audience', nbf: 'jwt-early' } as const;
  return flaws[error.claim as keyof typeof flaws] ?? 'jwt-claims';
}

function instantOf(seconds: unknown): Date | null {
  const instant = typeof seconds === 'number' ? new Date(seconds * 1000) : null;
  return instant && !Number.isNaN(instant.getTime()) ? instant : null;
}
