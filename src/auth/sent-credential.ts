import type { SentCredentials } from './scheme.ts';

/** The header in which a credential comes with a request: its name in lower case, and its value as HTTP hands it on. */
export interface SentHeader {
  name: string;
  value: string;
}

/**
 * The header that somebody means who writes a key (`tsr_…`), an Authorization header's value (`Token tsr_…`) or a whole
 * header (`Authorization: Token tsr_…`); null when no request can carry it, for control characters.
 */
export function readSentHeader(text: string, keyword: string): SentHeader | null {
  const written = trimmed(text.replace(/\r?\n$/, ''));
  // Every other control character ends the request before anybody reads its headers.
  if (/[^\P{Cc}\t\u0080-\u009f]/u.test(written) || !written.isWellFormed()) return null;
  const whole = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/s.exec(written);
  if (whole) return { name: (whole[1] ?? '').toLowerCase(), value: asBytes(trimmed(whole[2] ?? '')) };
  const isKeyAlone = /^tsr_[^\s]*$/i.test(written);
  return { name: 'authorization', value: asBytes(isKeyAlone ? `${keyword} ${written}` : written) };
}

/** A request that holds this one header alone, on its best way. */
export function sentAlone({ name, value }: SentHeader): SentCredentials {
  return { get: (asked) => (asked.toLowerCase() === name ? value : null), isPrivate: true };
}

function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

// HTTP hands on each byte as one Latin-1 character.
function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
