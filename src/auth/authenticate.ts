import { RequestRefused } from '../errors.ts';
import type { Promptly } from '../promptly.ts';
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
export function judge(sent: SentCredentials, schemes: readonly Scheme[]): Promptly<Judgement | null> {
  const found = findCredential(sent, schemes);
  if (found === null || 'refusal' in found) return found;
  const { scheme, credential } = found;
  const refusedBy = (error: unknown) => asRefusal(scheme, error);
  try {
    const told = credential.authenticate();
    if (told instanceof Promise) return told.then((later) => judgementOf(scheme, later), refusedBy);
    return judgementOf(scheme, told);
  } catch (error) {
    return refusedBy(error);
  }
}

function judgementOf(scheme: Scheme, found: Viewer | RequestRefused | null): Judgement {
  return found instanceof RequestRefused ? { scheme, refusal: found } : { scheme, viewer: found, refusal: null };
}

type Refused = { scheme: Scheme; refusal: RequestRefused };
type Found = { scheme: Scheme; credential: Credential } | Refused | null;

function asRefusal(scheme: Scheme, error: unknown): Refused {
  if (error instanceof RequestRefused) return { scheme, refusal: error };
  throw error;
}

function findCredential(sent: SentCredentials, schemes: readonly Scheme[]): Found {
  let first: Found = null;
  for (const isAmbient of [false, true]) {
    for (const scheme of schemes) {
      const found = scheme.isAmbient === isAmbient ? readBy(scheme, sent) : null;
      if (!found) continue;
      // Both may be good, and of two users.
      if (first && !isAmbient) return { scheme: first.scheme, refusal: twoCredentials(first.scheme) };
      first ??= found;
    }
  }
  return first;
}

function readBy(scheme: Scheme, sent: SentCredentials): Found {
  try {
    const credential = scheme.read(sent);
    return credential && { scheme, credential };
  } catch (error) {
    return asRefusal(scheme, error);
  }
}

/** The refusal of a request that names two callers at once. */
export function twoCredentials({ challenge }: Pick<Scheme, 'challenge'>): RequestRefused {
  const message = 'Two credentials were sent. Send the Authorization or the Token header, not both.';
  return new RequestRefused('AUTHENTICATION_FAILED', message, { 'WWW-Authenticate': challenge });
}

/** The refusal of a caller who must say who he is, with the challenge of the first enabled scheme. */
export function credentialsMissing(schemes: readonly Scheme[]): RequestRefused {
  const challenge = schemes[0]?.challenge;
  return new RequestRefused('UNAUTHENTICATED', undefined, challenge ? { 'WWW-Authenticate': challenge } : {});
}
