import { expiryOf, type TokenLifetimes } from '../auth/expiry.ts';
import type { TokenChange } from '../database/changes.ts';

export type TokenEventKind = 'CREATED' | 'ROTATED' | 'REVOKED' | 'EXPIRED';

/** What has happened to a token. A token meets each kind once at most. */
export interface TokenEvent {
  kind: TokenEventKind;
  tokenId: string;
  userId: string;
  name: string;
  /** When it happened; of an expiry, the instant from which the key is refused. */
  at: Date;
}

/** What a change of a token's row means, or null for one that is no event. What expired before it is deleted is not revoked. */
export function tokenEventOf(change: TokenChange, lifetimes: TokenLifetimes, now: Date): TokenEvent | null {
  const { operation, id: tokenId, userId, name, createdAt, supersededAt } = change;
  const event = { tokenId, userId, name };
  if (operation === 'INSERT') return { ...event, kind: 'CREATED', at: createdAt };
  if (operation === 'UPDATE') {
    return change.isJustSuperseded ? { ...event, kind: 'ROTATED', at: supersededAt ?? now } : null;
  }
  const expiry = expiryOf(change, lifetimes);
  return expiry && expiry <= now ? null : { ...event, kind: 'REVOKED', at: now };
}
