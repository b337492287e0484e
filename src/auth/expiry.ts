/** The last instant that drivers and databases write alike; what is said to end later has no readable end, and is no good. */
export const LAST_INSTANT = new Date('9999-12-31T23:59:59.999Z');

/** How long tokens of a kind live where nobody has said when; null: for ever. */
export interface Lifetime {
  /** From the making of a token, however much it is used. */
  lifetimeSeconds: number | null;
  /** From its last use, or its making. */
  idleLifetimeSeconds: number | null;
}

/** The kinds whose lives are configured, and not written into each token. */
export const KINDS_WITH_LIFETIME = ['LOGIN', 'SESSION'] as const;

export type TokenLifetimes = Readonly<Record<(typeof KINDS_WITH_LIFETIME)[number], Lifetime>>;

/** What of a token decides when it expires. */
export interface Expiring {
  kind: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

/**
 * The instant from which a token is refused as things stand, or null when there is none. Its own `expiresAt`; for login
 * tokens and sessions the lifetimes of their kind too, of which the idle one moves on with each use.
 */
export function expiryOf(token: Expiring, lifetimes: TokenLifetimes): Date | null {
  return dateAt(expiryTimeOf(token, lifetimes));
}

/** What ended a token, or will as things stand: its own `expiresAt`, or a lifetime of its kind. */
export type ExpiryCause = 'instant' | 'lifetime' | 'idle';

/** Why `expiryOf` says what it says; null when it says nothing. */
export function expiryCauseOf(token: Expiring, lifetimes: TokenLifetimes): ExpiryCause | null {
  const time = expiryOf(token, lifetimes)?.getTime();
  if (time === undefined) return null;
  if (time === token.expiresAt?.getTime()) return 'instant';
  return time === absoluteExpiryOf(token, lifetimes)?.getTime() ? 'lifetime' : 'idle';
}

/** The instant that no use puts off: what a token makes or rotates must not live longer. */
export function absoluteExpiryOf(token: Expiring, lifetimes: TokenLifetimes): Date | null {
  return dateAt(absoluteExpiryTimeOf(token, lifetimes));
}

const UNLIMITED: Lifetime = { lifetimeSeconds: null, idleLifetimeSeconds: null };

/** The lifetimes of a kind; the lives of other kinds are written into each token. */
export function lifetimeOf(kind: string, lifetimes: TokenLifetimes): Lifetime {
  return Object.hasOwn(lifetimes, kind) ? lifetimes[kind as keyof TokenLifetimes] : UNLIMITED;
}

/**
 * Equal counts as expired: a token is good until its instant, not through it. So does an instant that no Date can be
 * (`infinity`, written by plain SQL).
 */
export function isExpired(token: Expiring, lifetimes: TokenLifetimes, now: Date): boolean {
  return !(expiryTimeOf(token, lifetimes) > now.getTime());
}

/** In milliseconds, and without a Date: it is asked of every request. */
function expiryTimeOf(token: Expiring, lifetimes: TokenLifetimes): number {
  const lifetime = lifetimeOf(token.kind, lifetimes);
  const absolute = absoluteTimeUnder(token, lifetime);
  if (lifetime.idleLifetimeSeconds === null) return absolute;
  const made = token.createdAt.getTime();
  const used = token.lastUsedAt ? token.lastUsedAt.getTime() : made;
  // A last use that no Date can be puts nothing off.
  const idleFrom = Number.isNaN(used) ? made : Math.max(used, made);
  return Math.min(absolute, after(idleFrom, lifetime.idleLifetimeSeconds));
}

function absoluteExpiryTimeOf(token: Expiring, lifetimes: TokenLifetimes): number {
  return absoluteTimeUnder(token, lifetimeOf(token.kind, lifetimes));
}

function absoluteTimeUnder({ createdAt, expiresAt }: Expiring, { lifetimeSeconds }: Lifetime): number {
  return Math.min(expiresAt ? expiresAt.getTime() : NEVER, after(createdAt.getTime(), lifetimeSeconds));
}

const NEVER = Number.POSITIVE_INFINITY;
const LAST_TIME = 8.64e15;

function after(from: number, seconds: number | null): number {
  if (seconds === null) return NEVER;
  const time = from + seconds * 1000;
  // As Date has it: what is later than it can be is no instant, and no good.
  return time > LAST_TIME ? Number.NaN : time;
}

function dateAt(time: number): Date | null {
  return time === NEVER ? null : new Date(time);
}
