import { RequestRefused } from '../errors.ts';
import type { SentCredentials } from './scheme.ts';

/** What a page of another site cannot send along: browsers ask the server first whether it may. */
export const PROOF_HEADER = 'X-Tessera-CSRF';

const MOST_SHOWN = 200;

/**
 * Throws RequestRefused (FORBIDDEN) when a request that a browser sent may have been made by a page of another site. It
 * must bear a header that no form can send, and come from one of these origins.
 * Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Custom Request Headers" and "Verifying Origin";
 * Django's CsrfViewMiddleware for the words.
 */
export function requireBrowserProof(sent: SentCredentials, origins: readonly string[]): void {
  if (!sent.get(PROOF_HEADER)) throw failed(`The ${PROOF_HEADER} header is missing.`);
  refuseForeignPage(sent, origins);
  // A page's own GET bears no Origin; but for the browser nobody can say this.
  if (sent.get('origin') === null && sent.get('sec-fetch-site') !== 'same-origin') {
    throw failed('Origin checking failed - no Origin header was sent.');
  }
}

/**
 * Throws RequestRefused (FORBIDDEN) when a browser says that a page of none of these origins has made it send this.
 * Whoever is no browser says nothing of the kind, and passes.
 */
export function refuseForeignPage(sent: SentCredentials, origins: readonly string[]): void {
  const origin = sent.get('origin');
  if (origin !== null) {
    if (origins.includes(origin)) return;
    throw failed(`Origin checking failed - ${origin.slice(0, MOST_SHOWN)} does not match any trusted origins.`);
  }
  // Of a link or an image: they bear no Origin.
  const site = sent.get('sec-fetch-site');
  if (site === 'cross-site' || site === 'same-site')
    throw failed('Origin checking failed - no Origin header was sent.');
}

function failed(reason: string): RequestRefused {
  return new RequestRefused('FORBIDDEN', `CSRF Failed: ${reason}`);
}
