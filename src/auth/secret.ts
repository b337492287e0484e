import { randomBytes } from 'node:crypto';

const BYTES = 48;
const FEWEST_DISTINCT = 10;

/** A fresh secret, good for TOKEN_SECRETS and PASSWORD_PEPPER: 384 random bits in 64 characters of base64url. */
export function newSecret(): string {
  return randomBytes(BYTES).toString('base64url');
}

/** Whether this secret looks typed and not drawn: few distinct characters, or one piece again and again. */
export function isLowVariety(secret: string): boolean {
  // A text that repeats a piece of itself stands in its own double earlier than at its end.
  const isRepetition = `${secret}${secret}`.indexOf(secret, 1) < secret.length;
  return isRepetition || new Set(secret).size < FEWEST_DISTINCT;
}
