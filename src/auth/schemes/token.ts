import { RequestRefused } from '../../errors.ts';
import { isKeyShaped, type TokenSecrets, verifyKey } from '../key.ts';
import type { Credential, CredentialHeaders, Scheme } from '../scheme.ts';
import type { Viewer, ViewerToken } from '../viewer.ts';

interface TokenSchemeOptions {
  /** The word before the key, compared without regard to case. */
  keyword: string;
  secrets: TokenSecrets;
  /** The token of this id with its user, or null when there is none; one query at most. */
  findViewer(tokenId: string): Promise<(Viewer & { token: ViewerToken }) | null>;
  now(): Date;
}

/**
 * `Authorization: Token <key>`, `Authorization: Bearer tsr_…`, or a bare `Token: <key>` header.
 * Source: Django REST framework, TokenAuthentication; RFC 6750 section 3 for Bearer's challenge.
 */
export function tokenScheme({ keyword, secrets, findViewer, now }: TokenSchemeOptions): Scheme {
  const challenge = keyword;

  function read(headers: CredentialHeaders): Credential | null {
    const authorization = readAuthorization(headers.get('authorization'));
    const bare = headers.get('token');
    if (bare === null) return authorization;
    if (authorization) {
      throw refused('Two credentials were sent. Send the Authorization or the Token header, not both.', challenge);
    }
    return credentialOf(splitAtWhiteSpace(bare), challenge);
  }

  function readAuthorization(header: string | null): Credential | null {
    const [word = '', ...parts] = splitAtWhiteSpace(header ?? '');
    const isBearer = word.toLowerCase() === 'bearer';
    const isOurs = word.toLowerCase() === keyword.toLowerCase() || (isBearer && isKeyShaped(parts[0] ?? ''));
    return isOurs ? credentialOf(parts, isBearer ? 'Bearer' : challenge) : null;
  }

  function credentialOf(parts: string[], scheme: string): Credential {
    const [key, ...rest] = parts;
    if (key === undefined) throw refused('Invalid token header. No credentials provided.', scheme);
    if (rest.length > 0) throw refused('Invalid token header. Token string should not contain spaces.', scheme);
    if (!isText(key)) {
      throw refused('Invalid token header. Token string should not contain invalid characters.', scheme);
    }
    return { authenticate: () => authenticate(key, scheme) };
  }

  async function authenticate(key: string, scheme: string): Promise<Viewer> {
    const tokenId = verifyKey(key, secrets);
    const viewer = tokenId && (await findViewer(tokenId));
    if (!viewer || isExpired(viewer.token, now())) throw refused('Invalid token.', scheme);
    if (!viewer.user.isActive) throw refused('User inactive or deleted.', scheme);
    return viewer;
  }

  return { challenge, read };
}

/** Equal counts as expired: a token is good until its instant, not through it. */
export function isExpired(token: { expiresAt: Date | null }, now: Date): boolean {
  return token.expiresAt !== null && token.expiresAt <= now;
}

function refused(message: string, scheme: string): RequestRefused {
  const challenge = scheme === 'Bearer' ? `Bearer error="invalid_token", error_description="${message}"` : scheme;
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': challenge });
}

function splitAtWhiteSpace(header: string): string[] {
  return header.split(/[ \t\n\r\v\f]+/).filter((part) => part !== '');
}

// Header bytes arrive as one Latin-1 character each; what they say is meant as UTF-8.
function isText(headerPart: string): boolean {
  if (/^[\x21-\x7e]*$/.test(headerPart)) return true;
  if (/[^\p{ASCII}\u0080-\u00ff]/u.test(headerPart)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(headerPart, 'latin1'));
    return true;
  } catch {
    return false;
  }
}
