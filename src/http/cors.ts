import { PROOF_HEADER } from '../auth/browser-proof.ts';
import { REQUEST_ID_HEADER } from './request-id.ts';

export interface CorsRules {
  /** Whose pages may ask with a key of theirs; `*`: everybody's. */
  origins: readonly string[] | '*';
  /** Whose pages may use the session cookie as well. */
  trustedOrigins: readonly string[];
}

type Headers = Record<string, string>;

/** What a browser lets no script read otherwise. */
const EXPOSED = [REQUEST_ID_HEADER, 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'WWW-Authenticate'].join(', ');

const ALLOWED = ['Authorization', 'Content-Type', 'Token', REQUEST_ID_HEADER, 'traceparent', 'tracestate'];

/** How long a browser need not ask again: as long as an origin that is taken off the list may still send. */
const MOST_SECONDS = 600;

/** Whether no page but the server's own may read anything. */
export function isClosed({ origins, trustedOrigins }: CorsRules): boolean {
  return origins.length === 0 && trustedOrigins.length === 0;
}

/** What tells a browser that a page of this origin may read the answer; null: nothing does. Source: Fetch, "CORS protocol". */
export function corsHeadersFor(origin: string | null, { origins, trustedOrigins }: CorsRules): Headers | null {
  // `null` is the origin of whoever hides his: any page can, in a sandboxed frame.
  if (origin === null || origin === 'null') return null;
  const exposing = { 'Access-Control-Expose-Headers': EXPOSED };
  if (trustedOrigins.includes(origin)) {
    return { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', ...exposing };
  }
  if (origins === '*') return { 'Access-Control-Allow-Origin': '*', ...exposing };
  return origins.includes(origin) ? { 'Access-Control-Allow-Origin': origin, ...exposing } : null;
}

/** What such a page may send. By the proof the cookie counts: it is for those who may use that. */
export function preflightHeadersFor(origin: string, { trustedOrigins }: CorsRules): Headers {
  const allowed = trustedOrigins.includes(origin) ? [...ALLOWED, PROOF_HEADER] : ALLOWED;
  return {
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': allowed.join(', '),
    'Access-Control-Max-Age': String(MOST_SECONDS),
  };
}
