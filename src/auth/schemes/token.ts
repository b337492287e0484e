import { RequestRefused } from '../../errors.ts';
import { type Promptly, whenThere } from '../../promptly.ts';
import { twoCredentials } from '../authenticate.ts';
import { type JudgeKeyOptions, judgeKey, type KeyVerdict, type RefusedToken, refusedToken } from '../judge-key.ts';
import { isJwtShaped } from '../jwt-shape.ts';
import { isKeyShaped } from '../key.ts';
import type { Credential, Scheme, SentCredentials } from '../scheme.ts';
import type { Sender } from '../sender.ts';
import { isWord, splitAtWhiteSpace } from '../split-header.ts';
import type { TokenViewer, Viewer } from '../viewer.ts';

export interface TokenSchemeOptions extends JudgeKeyOptions {
  /** The word before the key, compared without regard to case. */
  keyword: string;
  /** Whether a Bearer that looks like a JSON web token is another scheme's, also where the keyword is Bearer. */
  leavesJwts: boolean;
  /** Told of each key that is accepted for a request. */
  noteUse(viewer: TokenViewer): void;
  /** Told of each key that is refused: whose it was, as far as it is one of ours. */
  noteRefusal(token: RefusedToken | null, sender: Sender): void;
}

/** What is wrong with headers that were meant for this scheme. */
export type HeaderFlaw = 'no-credentials' | 'spaces' | 'invalid-characters' | 'two-credentials';

/** The key that the headers carry, or their flaw; `challenge` is the word to which the answer refers. */
export type HeaderReading = { challenge: string } & ({ flaw: null; key: string } | { flaw: HeaderFlaw });

const HEADER_MESSAGES: Record<Exclude<HeaderFlaw, 'two-credentials'>, string> = {
  'no-credentials': 'Invalid token header. No credentials provided.',
  spaces: 'Invalid token header. Token string should not contain spaces.',
  'invalid-characters': 'Invalid token header. Token string should not contain invalid characters.',
};

/**
 * `Authorization: Token <key>`, `Authorization: Bearer tsr_…`, or a bare `Token: <key>` header.
 * Source: Django REST framework, TokenAuthentication; RFC 6750 section 3 for Bearer's challenge.
 */
export function tokenScheme(options: TokenSchemeOptions): Scheme {
  function read(sent: SentCredentials): Credential | null {
    const reading = readTokenHeaders(sent, options);
    if (reading === null) return null;
    if (reading.flaw === 'two-credentials') throw twoCredentials(reading);
    if (reading.flaw !== null) throw refused(HEADER_MESSAGES[reading.flaw], reading.challenge);
    const { key, challenge } = reading;
    return new SentKey(key, challenge, sent);
  }

  class SentKey implements Credential {
    readonly #key: string;
    readonly #challenge: string;
    readonly #sent: SentCredentials;

    constructor(key: string, challenge: string, sent: SentCredentials) {
      this.#key = key;
      this.#challenge = challenge;
      this.#sent = sent;
    }

    authenticate(): Promptly<Viewer | RequestRefused> {
      return whenThere(judgeKey(this.#key, options), (verdict) => admit(verdict, this.#challenge, this.#sent));
    }
  }

  function admit(verdict: KeyVerdict, challenge: string, sent: SentCredentials): Viewer | RequestRefused {
    if (verdict.isAccepted) {
      options.noteUse(verdict.viewer);
      return verdict.viewer;
    }
    options.noteRefusal(refusedToken(verdict), sent.sender);
    // One message for all that a stranger could be told apart by.
    return refusalOf(verdict.reason === 'user-inactive' ? 'User inactive or deleted.' : 'Invalid token.', challenge);
  }

  return { name: 'token', challenge: options.keyword, isAmbient: false, read };
}

/** What these headers carry for the token scheme, or null when it is nothing of its own. */
export function readTokenHeaders(
  headers: Pick<Headers, 'get'>,
  { keyword, leavesJwts }: Pick<TokenSchemeOptions, 'keyword' | 'leavesJwts'>,
): HeaderReading | null {
  const authorization = readAuthorization(headers.get('authorization'), keyword, leavesJwts);
  const bare = headers.get('token');
  if (bare === null || authorization?.flaw) return authorization;
  if (authorization) return { challenge: keyword, flaw: 'two-credentials' };
  return readParts(splitAtWhiteSpace(bare), keyword);
}

function readAuthorization(header: string | null, keyword: string, leavesJwts: boolean): HeaderReading | null {
  const [word = '', ...parts] = splitAtWhiteSpace(header ?? '');
  const isBearer = isWord(word, 'bearer');
  if (isBearer && leavesJwts && isJwtShaped(parts[0] ?? '')) return null;
  const isOurs = word === keyword || isWord(word, keyword.toLowerCase()) || (isBearer && isKeyShaped(parts[0] ?? ''));
  return isOurs ? readParts(parts, isBearer ? 'Bearer' : keyword) : null;
}

function readParts([key, ...rest]: string[], challenge: string): HeaderReading {
  if (key === undefined) return { challenge, flaw: 'no-credentials' };
  if (rest.length > 0) return { challenge, flaw: 'spaces' };
  return isText(key) ? { challenge, flaw: null, key } : { challenge, flaw: 'invalid-characters' };
}

/** A refused key's, of which there are few: each is made once, and an error is made as slowly as a key is proved. */
function refusalOf(message: string, challenge: string): RequestRefused {
  const name = `${challenge} ${message}`;
  const known = refusals.get(name);
  if (known) return known;
  const made = refused(message, challenge);
  Object.freeze(made.headers);
  Object.freeze(made.extensions);
  refusals.set(name, made);
  return made;
}

const refusals = new Map<string, RequestRefused>();

function refused(message: string, scheme: string): RequestRefused {
  const challenge = scheme === 'Bearer' ? `Bearer error="invalid_token", error_description="${message}"` : scheme;
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': challenge });
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
