import { RequestRefused } from '../errors.ts';
import type { Credential, Scheme, SentCredentials } from './scheme.ts';
import type { Viewer } from './viewer.ts';

/** What the scheme that reads a request's credentials says of them. A null viewer: an ambient credential that is dead. */
export type Judgement =
  | { scheme: Scheme; viewer: Viewer | null; refusal: null }
  | { scheme: Scheme; refusal: RequestRefused };

/**
 * The viewer behind a request's credentials, or null when it carries none. Throws RequestRefused
 * (AUTHENTICATION_FAILED) when credentials are present and not good: a wrong key is never treated as no key.
 * Source: Django REST framework, Request._authenticate.
 */
export async function authenticate(sent: SentCredentials, schemes: readonly Scheme[]): Promise<Viewer | null> {
  const judgement = await judge(sent, schemes);
  if (judgement?.refusal) throw judgement.refusal;
  return judgement?.viewer ?? null;
}

/**
 * As authenticate, without throwing, and naming the scheme. Asked in order, the first that reads a credential decides;
 * what browsers send by themselves is looked at last, whatever the order.
 */
export async function judge(sent: SentCredentials, schemes: readonly Scheme[]): Promise<Judgement | null> {
  const found = findCredential(sent, schemes);
  if (found === null || 'refusal' in found) return found;
  try {
    return { scheme: found.scheme, viewer: await found.credential.authenticate(), refusal: null };
  } catch (refusal) {
    if (refusal instanceof RequestRefused) return { scheme: found.scheme, refusal };
    throw refusal;
  }
}

type Found = { scheme: Scheme; credential: Credential } | { scheme: Scheme; refusal: RequestRefused } | null;

function findCredential(sent: SentCredentials, schemes: readonly Scheme[]): Found {
  const found = [...schemes.filter(isSentOnPurpose).map(readBy), ...schemes.filter(isAmbient).map(readBy)];
  const [first, second] = found.filter((each) => each !== null);
  if (!first) return null;
  // Both may be good, and of two users.
  if (second && !second.scheme.isAmbient) return { scheme: first.scheme, refusal: twoCredentials(first.scheme) };
  return first;

  function readBy(scheme: Scheme): Found {
    try {
      const credential = scheme.read(sent);
      return credential && { scheme, credential };
    } catch (refusal) {
      if (refusal instanceof RequestRefused) return { scheme, refusal };
      throw refusal;
    }
  }
}

/** The refusal of a request that names two callers at once. */
export function twoCredentials({ challenge }: Pick<Scheme, 'challenge'>): RequestRefused {
  const message = 'Two credentials were sent. Send the Authorization or the Token header, not both.';
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': challenge });
}

function isAmbient(scheme: Scheme): boolean {
  return scheme.isAmbient;
}

function isSentOnPurpose(scheme: Scheme): boolean {
  return !scheme.isAmbient;
}

/** The refusal of a caller who must say who he is, with the challenge of the first enabled scheme. */
export function credentialsMissing(schemes: readonly Scheme[]): RequestRefused {
  const challenge = schemes[0]?.challenge;
  return new RequestRefused('UNAUTHENTICATED', undefined, challenge ? { 'WWW-Authenticate': challenge } : {});
}
