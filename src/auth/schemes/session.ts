import { requireBrowserProof } from '../browser-proof.ts';
import { readCookie } from '../cookie.ts';
import { type JudgeKeyOptions, judgeSessionKey } from '../judge-key.ts';
import type { Credential, Scheme, SentCredentials } from '../scheme.ts';
import type { TokenViewer, Viewer } from '../viewer.ts';

export interface SessionSchemeOptions extends JudgeKeyOptions {
  cookieName: string;
  /** Whose pages may use the cookie. */
  origins: readonly string[];
  /** Told of each session that is accepted for a request. */
  noteUse(viewer: TokenViewer): void;
}

/**
 * A browser's cookie. Whatever is wrong with it, it counts as none; what is right with it counts only in requests that
 * no page of another site can have made. Source: Django REST framework, SessionAuthentication.
 */
export function sessionScheme(options: SessionSchemeOptions): Scheme {
  const { cookieName, origins } = options;

  function read(sent: SentCredentials): Credential | null {
    // Whoever names himself of his own accord is meant, also where no scheme here knows how.
    if (sent.get('authorization') !== null || sent.get('token') !== null) return null;
    const key = readCookie(sent.get('cookie'), cookieName);
    return key === null ? null : { authenticate: () => authenticate(key, sent) };
  }

  async function authenticate(key: string, sent: SentCredentials): Promise<Viewer | null> {
    const verdict = await judgeSessionKey(key, options);
    if (!verdict.isAccepted) return null;
    requireBrowserProof(sent, origins);
    options.noteUse(verdict.viewer);
    return verdict.viewer;
  }

  return { name: 'session', challenge: 'Session realm="api"', isAmbient: true, read };
}
