import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const PREFIX = 'tsr_';
const ID_BYTES = 16;
const MAC_BYTES = 16;
const DOMAIN = 'tessera token v1';

/** Secrets that keys are derived from, newest first: the first derives, all verify. */
export type TokenSecrets = readonly [string, ...string[]];

/** A fresh token id: 128 random bits, written as a UUID so that PostgreSQL keeps it in 16 bytes. */
export function newTokenId(): string {
  return toUuid(randomBytes(ID_BYTES));
}

/**
 * The secret string that a client sends for this token: `tsr_` and 43 characters of base64url.
 * Derived from the id, never stored: whoever reads the database holds no key.
 */
export function keyOf(token: { id: string }, secrets: TokenSecrets): string {
  const id = Buffer.from(token.id.replaceAll('-', ''), 'hex');
  if (id.length !== ID_BYTES) throw new Error(`A token id must be a UUID (got ${JSON.stringify(token.id)}).`);
  return PREFIX + Buffer.concat([id, mac(id, secrets[0])]).toString('base64url');
}

/** Whether this string has the shape of a Tessera key; says nothing of its truth. */
export function isKeyShaped(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * The id of the token whose key this is, or null when the key is forged, misspelt or of another secret.
 * Arithmetic alone, in constant time; whether the token still lives is for the database to say.
 */
export function verifyKey(key: string, secrets: TokenSecrets): string | null {
  if (!isKeyShaped(key)) return null;
  const encoded = key.slice(PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64url');
  // Node decodes leniently, so several strings decode alike: only the canonical one is a key.
  if (bytes.length !== ID_BYTES + MAC_BYTES || bytes.toString('base64url') !== encoded) return null;
  const id = bytes.subarray(0, ID_BYTES);
  const given = bytes.subarray(ID_BYTES);
  let isGood = false;
  for (const secret of secrets) isGood = timingSafeEqual(given, mac(id, secret)) || isGood;
  return isGood ? toUuid(id) : null;
}

/** What the database may know of a secret: enough to recognise it again, nothing to derive a key with. */
export function fingerprintOf(secret: string): string {
  return createHmac('sha256', secret).update('tessera secret fingerprint v1').digest('hex').slice(0, 32);
}

function mac(id: Buffer, secret: string): Buffer {
  return createHmac('sha256', secret).update(DOMAIN).update(id).digest().subarray(0, MAC_BYTES);
}

function toUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
