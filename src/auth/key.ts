import { createHmac, randomBytes } from 'node:crypto';
import { hmacProver, type Prove } from './hmac-sha256.ts';

/** What a key is used for: one that was derived for another use proves nothing. */
export interface KeyUse {
  /** What such keys begin with. */
  prefix: string;
  /** What goes into the HMAC before the id. */
  domain: string;
}

/** What clients send as `Authorization: Token`. */
export const TOKEN_USE: KeyUse = { prefix: 'tsr_', domain: 'tessera token v1' };

/** What a browser's cookie holds. */
export const SESSION_USE: KeyUse = { prefix: 'tsrs_', domain: 'tessera session v1' };

/** Of base64url. Source: RFC 4648, section 5. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const ID_BYTES = 16;
const MAC_BYTES = 16;

/** Secrets that keys are derived from, newest first: the first derives, all verify. */
export type TokenSecrets = readonly [string, ...string[]];

/** A fresh token id: 128 random bits, written as a UUID so that PostgreSQL keeps it in 16 bytes. */
export function newTokenId(): string {
  return toUuid(randomBytes(ID_BYTES));
}

/**
 * The secret string that a client sends for this token: `tsr_`, or what the use begins with, and 43 characters of
 * base64url. Derived from the id, never stored: whoever reads the database holds no key.
 */
export function keyOf(token: { id: string }, secrets: TokenSecrets, use = TOKEN_USE): string {
  const id = Buffer.from(token.id.replaceAll('-', ''), 'hex');
  if (id.length !== ID_BYTES) throw new Error(`A token id must be a UUID (got ${JSON.stringify(token.id)}).`);
  return writeDerived(id, secrets, use);
}

/** As keyOf, from whatever names what the key opens: base64url of that and of what proves it. */
export function writeDerived(from: Buffer, secrets: TokenSecrets, use: KeyUse): string {
  return use.prefix + Buffer.concat([from, mac(from, secrets[0], use)]).toString('base64url');
}

/** Whether this string begins as a key of this use does; says nothing of its truth. */
export function isKeyShaped(text: string, use = TOKEN_USE): boolean {
  return text.startsWith(use.prefix);
}

/** What makes a string no key, whatever it was derived from. */
export type KeyFlaw = 'prefix' | 'alphabet' | 'length' | 'spelling';

/** A key taken apart: the id in it, and the place in the list of the secret that derived it; null: none did. */
export type KeyReading = { flaw: KeyFlaw } | { flaw: null; id: string; secretAt: number | null };

/**
 * The id of the token whose key this is, or null when the key is forged, misspelt or of another secret.
 * Arithmetic alone, in constant time; whether the token still lives is for the database to say.
 */
export function verifyKey(key: string, secrets: TokenSecrets, use = TOKEN_USE): string | null {
  const reading = readKey(key, secrets, use);
  return reading.flaw !== null || reading.secretAt === null ? null : reading.id;
}

/**
 * What arithmetic can tell of a key. The id is proved only where `secretAt` is a place in the list: without one,
 * anybody can have written it.
 */
export function readKey(key: string, secrets: TokenSecrets, use = TOKEN_USE): KeyReading {
  const reading = readDerived(key, ID_BYTES, secrets, use);
  if (reading.flaw !== null) return reading;
  return { flaw: null, id: toUuid(reading.derivedFrom), secretAt: reading.secretAt };
}

type DerivedReading = { flaw: KeyFlaw } | { flaw: null; derivedFrom: Buffer; secretAt: number | null };

/** As readKey, of a key that was derived from so many bytes. */
export function readDerived(key: string, fromBytes: number, secrets: TokenSecrets, use: KeyUse): DerivedReading {
  if (!isKeyShaped(key, use)) return { flaw: 'prefix' };
  const encoded = key.slice(use.prefix.length);
  if (!/^[\w-]*$/.test(encoded)) return { flaw: 'alphabet' };
  if (encoded.length !== Math.ceil(((fromBytes + MAC_BYTES) * 4) / 3)) return { flaw: 'length' };
  // The last character has bits to spare, so several strings decode alike: only the canonical one is a key.
  const spareBits = (encoded.length * 6) % 8;
  if (ALPHABET.indexOf(encoded.slice(-1)) % 2 ** spareBits !== 0) return { flaw: 'spelling' };
  const bytes = Buffer.from(encoded, 'base64url');
  const derivedFrom = bytes.subarray(0, fromBytes);
  const given = bytes.subarray(fromBytes);
  let secretAt: number | null = null;
  // Every secret is tried, whichever fits.
  for (const [place, secret] of secrets.entries()) {
    if (proverOf(secret, use)(derivedFrom, given)) secretAt = place;
  }
  return { flaw: null, derivedFrom, secretAt };
}

/** What the database may know of a secret: enough to recognise it again, nothing to derive a key with. */
export function fingerprintOf(secret: string): string {
  return createHmac('sha256', secret).update('tessera secret fingerprint v1').digest('hex').slice(0, 32);
}

/** By what goes before the id, and by secret. As many as a server has secrets, and uses. */
const provers = new Map<string, Map<string, Prove>>();

function proverOf(secret: string, { domain }: KeyUse): Prove {
  let own = provers.get(domain);
  if (!own) {
    own = new Map();
    provers.set(domain, own);
  }
  let prove = own.get(secret);
  if (!prove) {
    prove = hmacProver(Buffer.from(secret), Buffer.from(domain));
    own.set(secret, prove);
  }
  return prove;
}

function mac(from: Buffer, secret: string, { domain }: KeyUse): Buffer {
  return createHmac('sha256', secret).update(domain).update(from).digest().subarray(0, MAC_BYTES);
}

/** So many bytes as PostgreSQL writes an id. */
export function toUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
