import { PROOF_HEADER } from './browser-proof.ts';
import { isJwtShaped } from './jwt-shape.ts';
import type { SentCredentials } from './scheme.ts';
import { NO_SENDER } from './sender.ts';
import { trimBlanks } from './split-header.ts';

/** The header in which a credential comes with a request: its name in lower case, and its value as HTTP hands it on. */
export interface SentHeader {
  name: string;
  value: string;
}

/** How a server's clients send what stands alone. */
interface Sending {
  /** The word before a key. */
  keyword: string;
  /** In which a browser keeps its session. */
  cookieName: string;
}

/**
 * The header that somebody means who writes a key (`tsr_…`), an access token, a cookie's value (`tsrs_…`), an
 * Authorization header's value (`Token tsr_…`) or a whole header (`Authorization: Token tsr_…`); null when no request
 * can carry it, for control characters.
 */
export function readSentHeader(text: string, { keyword, cookieName }: Sending): SentHeader | null {
  const written = trimBlanks(text.replace(/\r?\n$/, ''));
  // Every other control character ends the request before anybody reads its headers.
  if (/[^\P{Cc}\t\u0080-\u009f]/u.test(written) || !written.isWellFormed()) return null;
  const whole = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/s.exec(written);
  if (whole) return { name: (whole[1] ?? '').toLowerCase(), value: asBytes(trimBlanks(whole[2] ?? '')) };
  if (/^tsrs_[^\s]*$/.test(written)) return { name: 'cookie', value: asBytes(`${cookieName}=${written}`) };
  return { name: 'authorization', value: asBytes(wordBefore(written, keyword) + written) };
}

/** A request that holds this one header alone, on its best way: unseen, and where it is a cookie from a page of these origins. */
export function sentAlone({ name, value }: SentHeader, origins: readonly string[]): SentCredentials {
  const proof = name === 'cookie' ? { [PROOF_HEADER.toLowerCase()]: '1', origin: origins[0] } : {};
  const headers = new Map(Object.entries({ ...proof, [name]: value }));
  return { get: (asked) => headers.get(asked.toLowerCase()) ?? null, isPrivate: true, sender: NO_SENDER };
}

function wordBefore(written: string, keyword: string): string {
  if (/^tsr_[^\s]*$/i.test(written)) return `${keyword} `;
  return isJwtShaped(written) ? 'Bearer ' : '';
}

// HTTP hands on each byte as one Latin-1 character.
function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
