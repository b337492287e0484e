import { requireBrowserProof } from '../auth/browser-proof.ts';
import { readCookie, type SessionCookie, writeCookie } from '../auth/cookie.ts';
import { keyOf, SESSION_USE, type TokenSecrets, verifyKey } from '../auth/key.ts';
import { NO_SENDER } from '../auth/sender.ts';
import type { Browser } from '../graphql/context.ts';
import { sentCredentials } from './sent-credentials.ts';

export interface BrowserOptions {
  cookie: SessionCookie;
  /** Whose pages may use it. */
  origins: readonly string[];
}

/** A browser, and what it is to be told with the answer. */
export interface AnsweredBrowser extends Browser {
  /** The Set-Cookie header of the answer; null: the cookie stays as it is. */
  setCookie(): string | null;
}

/** The browser that has sent this request. */
export function browserOf(
  request: Request,
  { cookie, origins }: BrowserOptions,
  secrets: TokenSecrets,
): AnsweredBrowser {
  let given: { id: string | null } | null = null;

  function sentId(): string | null {
    const key = readCookie(request.headers.get('cookie'), cookie.name);
    return key === null ? null : verifyKey(key, secrets, SESSION_USE);
  }

  return {
    sessionId: () => (given ? given.id : sentId()),
    setSession(id) {
      given = { id };
    },
    requireProof: () =>
      requireBrowserProof(
        sentCredentials(request, {}, () => NO_SENDER),
        origins,
      ),
    setCookie() {
      if (!given) return null;
      const { id } = given;
      return writeCookie(cookie, id === null ? null : keyOf({ id }, secrets, SESSION_USE));
    },
  };
}
