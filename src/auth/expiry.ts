/** The last instant that drivers and databases write alike; what is said to end later has no readable end, and is no good. */
export const LAST_INSTANT = new Date('9999-12-31T23:59:59.999Z');

/** How long login tokens live where nobody has said when; null: for ever. */
export interface TokenLifetimes {
  /** From the making of a token, however much it is used. */
  lifetimeSeconds: number | null;
  /** From its last use, or its making. */
  idleLifetimeSeconds: number | null;
}

/** What of a token decides when it expires. */
export interface Expiring {
  kind: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

/**
 * The instant from which a token is refused as things stand, or null when there is none. Its own `expiresAt`; for login
 * tokens the lifetimes too, of which the idle one moves on with each use.
 */
export function expiryOf(token: Expiring, lifetimes: TokenLifetimes): Date | null {
  const { kind, createdAt, lastUsedAt } = token;
  const idleFrom = lastUsedAt && lastUsedAt > createdAt ? lastUsedAt : createdAt;
  const isLogin = kind === 'LOGIN';
  return earliest([
    absoluteExpiryOf(token, lifetimes),
    isLogin ? after(idleFrom, lifetimes.idleLifetimeSeconds) : null,
  ]);
}

/** What ended a token, or will as things stand: its own `expiresAt`, or a lifetime of login tokens. */
export type ExpiryCause = 'instant' | 'lifetime' | 'idle';

/** Why `expiryOf` says what it says; null when it says nothing. */
export function expiryCauseOf(token: Expiring, lifetimes: TokenLifetimes): ExpiryCause | null {
  const time = expiryOf(token, lifetimes)?.getTime();
  if (time === undefined) return null;
  if (time === token.expiresAt?.getTime()) return 'instant';
  return time === absoluteExpiryOf(token, lifetimes)?.getTime() ? 'lifetime' : 'idle';
}

/** The instant that no use puts off: what a token makes or rotates must not live longer. */
export function absoluteExpiryOf({ kind, createdAt, expiresAt }: Expiring, lifetimes: TokenLifetimes): Date | null {
  return earliest([expiresAt, kind === 'LOGIN' ? after(createdAt, lifetimes.lifetimeSeconds) : null]);
}

/**
 * Equal counts as expired: a token is good until its instant, not through it. So does an instant that no Date can be
 * (`infinity`, written by plain SQL).
 */
export function isExpired(token: Expiring, lifetimes: TokenLifetimes, now: Date): boolean {
  const expiry = expiryOf(token, lifetimes);
  return expiry !== null && !(expiry > now);
}

function after(date: Date, seconds: number | null): Date | null {
  return seconds === null ? null : new Date(date.getTime() + seconds * 1000);
}

function earliest(dates: (Date | null)[]): Date | null {
  const times = dates.flatMap((date) => (date ? [date.getTime()] : []));
  return times.length > 0 ? new Date(Math.min(...times)) : null;
}
