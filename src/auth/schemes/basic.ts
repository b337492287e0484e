import { RequestRefused } from '../../errors.ts';
import { refuseForeignPage } from '../browser-proof.ts';
import type { Credential, Scheme, SentCredentials } from '../scheme.ts';
import type { Sender } from '../sender.ts';
import { isWord, splitAtWhiteSpace } from '../split-header.ts';
import type { Viewer, ViewerUser } from '../viewer.ts';

export interface BasicSchemeOptions {
  /**
   * Whose username and password these are, or null: they are nobody's who may come in. Counted as a login from there;
   * throws RequestRefused (THROTTLED) after too many that were wrong.
   */
  prove(username: string, password: string, sender: Sender): Promise<ViewerUser | null>;
  /** Whose pages may have it sent: a browser that was told the password sends it along with whatever any page asks. */
  origins: readonly string[];
}

const CHALLENGE = 'Basic realm="api"';

/**
 * `Authorization: Basic <base64 of username:password>`: the password with every request, and its check, which takes
 * its time. Source: Django REST framework, BasicAuthentication, for the words; RFC 7617.
 */
export function basicScheme({ prove, origins }: BasicSchemeOptions): Scheme {
  function read(sent: SentCredentials): Credential | null {
    const [word = '', ...parts] = splitAtWhiteSpace(sent.get('authorization') ?? '');
    if (!isWord(word, 'basic')) return null;
    // Whatever the password: whether it is right must not be learnt by sending it in the open.
    if (!sent.isPrivate) throw refused('A password must not be sent over plain HTTP. Use https.');
    const [encoded] = parts;
    if (encoded === undefined) throw refused('Invalid basic header. No credentials provided.');
    if (parts.length > 1) throw refused('Invalid basic header. Credentials string should not contain spaces.');
    const pair = decode(encoded);
    if (pair === null) throw refused('Invalid basic header. Credentials not correctly base64 encoded.');
    // A username has no colon, a password may.
    const at = pair.indexOf(':');
    const [username, password] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    return { authenticate: () => authenticate(username, password, sent) };
  }

  async function authenticate(username: string, password: string, sent: SentCredentials): Promise<Viewer> {
    refuseForeignPage(sent, origins);
    const user = await prove(username, password, sent.sender);
    if (!user) throw refused('Invalid username/password.');
    return { user, token: null };
  }

  return { name: 'basic', challenge: CHALLENGE, isAmbient: false, read };
}

/** As UTF-8, or, where it is none, as Latin-1, in which old clients write; null when it is not base64. */
function decode(encoded: string): string | null {
  const bytes = Buffer.from(encoded, 'base64');
  // Node's decoder reads what is no base64 as far as it can; what it has read is then spelt otherwise.
  if (bytes.toString('base64') !== encoded) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function refused(message: string): RequestRefused {
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': CHALLENGE });
}
