import { requireBrowserProof } from '../browser-proof.ts';
import { readCookie } from '../cookie.ts';
import { isExpired, type TokenLifetimes } from '../expiry.ts';
import { SESSION_USE, type TokenSecrets, verifyKey } from '../key.ts';
import type { Credential, Scheme, SentCredentials } from '../scheme.ts';
import type { Viewer } from '../viewer.ts';
import type { TokenViewer } from './token.ts';

export interface SessionSchemeOptions {
  cookieName: string;
  /** Whose pages may use the cookie. */
  origins: readonly string[];
  secrets: TokenSecrets;
  /** The session of this id with its user, or null when there is none; one query at most. */
  findViewer(sessionId: string): Promise<TokenViewer | null>;
  lifetimes: TokenLifetimes;
  /** Told of each session that is accepted for a request. */
  noteUse(viewer: TokenViewer): void;
  now(): Date;
}

/**
 * A browser's cookie. Whatever is wrong with it, it counts as none; what is right with it counts only in requests that
 * no page of another site can have made. Source: Django REST framework, SessionAuthentication.
 */
export function sessionScheme(options: SessionSchemeOptions): Scheme {
  const { cookieName, origins, secrets, lifetimes, now } = options;

  function read(sent: SentCredentials): Credential | null {
    const key = readCookie(sent.get('cookie'), cookieName);
    return key === null ? null : { authenticate: () => authenticate(key, sent) };
  }

  async function authenticate(key: string, sent: SentCredentials): Promise<Viewer | null> {
    const id = verifyKey(key, secrets, SESSION_USE);
    const viewer = id === null ? null : await options.findViewer(id);
    if (viewer?.token.kind !== 'SESSION') return null;
    if (!viewer.user.isActive || isExpired(viewer.token, lifetimes, now())) return null;
    requireBrowserProof(sent, origins);
    options.noteUse(viewer);
    return viewer;
  }

  return { name: 'session', challenge: 'Session realm="api"', isAmbient: true, read };
}
