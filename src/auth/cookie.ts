import { trimBlanks } from './split-header.ts';

/** What decides how a session's cookie is written. */
export interface SessionCookie {
  name: string;
  isSecure: boolean;
  maxAgeSeconds: number;
}

const PLAIN_NAME = 'tessera-session';
/** Browsers keep none for longer. Source: RFC 6265bis, section 5.6. */
const MOST_SECONDS = 400 * 86_400;

/** The cookie for sessions of this lifetime. With its prefix, browsers take it from this very host alone, by TLS. */
export function sessionCookie(isSecure: boolean, lifetimeSeconds: number | null): SessionCookie {
  const maxAgeSeconds = Math.min(lifetimeSeconds ?? MOST_SECONDS, MOST_SECONDS);
  return { name: isSecure ? `__Host-${PLAIN_NAME}` : PLAIN_NAME, isSecure, maxAgeSeconds };
}

/**
 * The value of the cookie of this name, or null when the header has none. Empty when it has several: one of them was
 * put there by somebody else, another page of the host perhaps, and which cannot be told.
 */
export function readCookie(header: string | null, name: string): string | null {
  // No more is taken off than browsers take: what to them is another name, without a prefix to guard it, would be this one.
  const values = (header ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at !== -1 && trimBlanks(pair.slice(0, at)) === name ? [trimBlanks(pair.slice(at + 1))] : [];
  });
  const [value] = values;
  if (value === undefined) return null;
  return values.length === 1 ? value : '';
}

/** What sets the cookie, or, with a null value, takes it away. */
export function writeCookie({ name, isSecure, maxAgeSeconds }: SessionCookie, value: string | null): string {
  const attributes = ['Path=/', `Max-Age=${value === null ? 0 : maxAgeSeconds}`, 'HttpOnly', 'SameSite=Lax'];
  return [`${name}=${value ?? ''}`, ...attributes, ...(isSecure ? ['Secure'] : [])].join('; ');
}
