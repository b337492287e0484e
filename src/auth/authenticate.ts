import { RequestRefused } from '../errors.ts';
import type { CredentialHeaders, Scheme } from './scheme.ts';
import type { Viewer } from './viewer.ts';

/** What the scheme that reads a request's credentials says of them. */
export type Judgement = { scheme: Scheme; viewer: Viewer; refusal: null } | { scheme: Scheme; refusal: RequestRefused };

/**
 * The viewer behind a request's credentials, or null when it carries none. Throws RequestRefused
 * (AUTHENTICATION_FAILED) when credentials are present and not good: a wrong key is never treated as no key.
 * Source: Django REST framework, Request._authenticate.
 */
export async function authenticate(headers: CredentialHeaders, schemes: readonly Scheme[]): Promise<Viewer | null> {
  const judgement = await judge(headers, schemes);
  if (judgement?.refusal) throw judgement.refusal;
  return judgement?.viewer ?? null;
}

/** As authenticate, without throwing, and naming the scheme: asked in order, the first that reads a credential decides. */
export async function judge(headers: CredentialHeaders, schemes: readonly Scheme[]): Promise<Judgement | null> {
  for (const scheme of schemes) {
    try {
      const credential = scheme.read(headers);
      if (credential) return { scheme, viewer: await credential.authenticate(), refusal: null };
    } catch (refusal) {
      if (refusal instanceof RequestRefused) return { scheme, refusal };
      throw refusal;
    }
  }
  return null;
}

/** The refusal of a caller who must say who he is, with the challenge of the first enabled scheme. */
export function credentialsMissing(schemes: readonly Scheme[]): RequestRefused {
  const challenge = schemes[0]?.challenge;
  return new RequestRefused('UNAUTHENTICATED', undefined, challenge ? { 'WWW-Authenticate': challenge } : {});
}
