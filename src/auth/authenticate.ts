import { RequestRefused } from '../errors.ts';
import type { CredentialHeaders, Scheme } from './scheme.ts';
import type { Viewer } from './viewer.ts';

/**
 * The viewer behind a request's credentials, or null when it carries none.
 * Schemes are asked in order; the first that reads a credential decides. Throws RequestRefused
 * (AUTHENTICATION_FAILED) when credentials are present and not good: a wrong key is never treated as no key.
 * Source: Django REST framework, Request._authenticate.
 */
export async function authenticate(headers: CredentialHeaders, schemes: readonly Scheme[]): Promise<Viewer | null> {
  for (const scheme of schemes) {
    const credential = scheme.read(headers);
    if (credential) return credential.authenticate();
  }
  return null;
}

/** The refusal of a caller who must say who he is, with the challenge of the first enabled scheme. */
export function credentialsMissing(schemes: readonly Scheme[]): RequestRefused {
  const challenge = schemes[0]?.challenge;
  return new RequestRefused('UNAUTHENTICATED', undefined, challenge ? { 'WWW-Authenticate': challenge } : {});
}
