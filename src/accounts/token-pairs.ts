import { isExpired } from '../auth/expiry.ts';
import type { TokenSecrets } from '../auth/key.ts';
import { type RefreshPlace, verifyRefreshKey } from '../auth/refresh-key.ts';
import type { ViewerIdentity } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { overloaded } from '../errors.ts';
import { recordEvent } from './audit-events.ts';
import { isExpiredSql } from './expired.ts';
import { InvalidCredentialsError, InvalidTokenError } from './failures.ts';
import { issueSignIn } from './issue-sign-in.ts';
import { MOST_TRIES } from './issue-token.ts';
import { type Caller, openByPassword, type PasswordDoor, type PasswordProof } from './password-proof.ts';
import type { TokenRules } from './tokens.ts';

/** For how long a client whose answer was lost may ask for it again. */
const RETRY_SECONDS = 10;

/** A pair, and whose it is. */
export interface OpenPair {
  user: ViewerIdentity;
  pair: Token;
}

/** As OpenPair, with all that is known of the user. */
interface FoundPair extends OpenPair {
  user: User;
}

interface PairOptions {
  rules: TokenRules;
  now: Date;
}

/**
 * A new pair for whoever these credentials belong to. Throws InvalidCredentialsError for a wrong password, an unknown
 * user and an inactive user alike; RequestRefused (THROTTLED) after too many of them. Source: djangorestframework-simplejwt for the words.
 */
export async function obtainTokenPair(
  door: PasswordDoor,
  proof: PasswordProof,
  { caller, rules, now }: PairOptions & { caller: Caller },
): Promise<OpenPair> {
  try {
    const { user, opened } = await openByPassword(door, proof, { caller, now }, (proved, origin) =>
      issueSignIn(
        door.database,
        { user: proved, kind: 'REFRESH', expiresAt: refreshExpiry(rules, now) },
        { rules, now, origin },
      ),
    );
    return { user, pair: opened };
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error;
    throw new InvalidCredentialsError('No active account found with the given credentials');
  }
}

interface SpentOptions extends PairOptions {
  secrets: TokenSecrets;
}

/** Of what may end a pair. */
interface EndOptions extends SpentOptions {
  origin: Origin;
}

interface RefreshOptions extends EndOptions {
  /** Told of a spent refresh token that came again: of a client that asks anew, or a theft, or a fault of the client. */
  note(use: 'retried' | 'reused', pairId: string): void;
}

/**
 * The pair, moved on by one: the refresh token that is sent is spent. Any other than the next one ends the pair, all of
 * it, but for the last that was spent, for a few seconds and while the next is unused: then it is a client that never
 * had its answer, which gets the same again. Throws InvalidTokenError in simplejwt's words.
 * Source: RFC 9700 (OAuth 2.0 Security Best Current Practice), section 4.14.2.
 */
export async function refreshTokenPair(
  database: Database,
  refresh: string,
  options: RefreshOptions,
  triesLeft = MOST_TRIES,
): Promise<OpenPair> {
  const { secrets, now, note } = options;
  const place = requirePlace(refresh, secrets);
  const moved = await moveOn(database, place, options);
  if (moved) return moved;
  const found = await requirePair(database, place.pairId, options, { isActive: 'either' });
  const { pair } = found;
  const behind = pair.refreshCount - place.refreshCount;
  const isRetry = behind === 1 && pair.refreshedAt && now.getTime() - pair.refreshedAt.getTime() < RETRY_SECONDS * 1000;
  // Whether its user may come in or not: a theft is one while he may not, too. A count that is still to come is from
  // before a backup was restored, and what was spent since then is good again in other hands.
  if (behind !== 0 && !isRetry) {
    if (await endPair(database, found, options, { isReused: true })) note('reused', pair.id);
    throw new InvalidTokenError('Token is blacklisted');
  }
  requireActive(found);
  if (isRetry) {
    note('retried', pair.id);
    return found;
  }
  // Somebody changed the row between the two statements.
  if (triesLeft === 0) throw overloaded();
  return refreshTokenPair(database, refresh, options, triesLeft - 1);
}

/** Ends the pair of this refresh token, spent or not: to hold one is to be allowed to. Throws InvalidTokenError. */
export async function revokeTokenPair(database: Database, refresh: string, options: EndOptions): Promise<void> {
  const { pairId } = requirePlace(refresh, options.secrets);
  const found = await requirePair(database, pairId, options, { isActive: 'either' });
  if (!(await endPair(database, found, options))) throw new InvalidTokenError('Token is blacklisted');
}

/** Whether it was this call that ended it. */
async function endPair(
  database: Database,
  { user, pair }: FoundPair,
  { origin }: EndOptions,
  { isReused = false } = {},
): Promise<boolean> {
  const subject = { userId: user.id, tokenId: pair.id };
  return database.$transaction(async (transaction) => {
    await changedBy(transaction, origin);
    const { count } = await transaction.token.deleteMany({ where: { id: pair.id, kind: 'REFRESH' } });
    if (count > 0 && isReused) await recordEvent(transaction, 'REFRESH_REUSED', subject, origin);
    return count > 0;
  });
}

/** The pair of a refresh token that is good for the next refresh. Throws InvalidTokenError. */
export async function findByRefreshToken(
  database: Database,
  refresh: string,
  options: SpentOptions,
): Promise<FoundPair> {
  const place = requirePlace(refresh, options.secrets);
  const found = await requirePair(database, place.pairId, options);
  if (found.pair.refreshCount !== place.refreshCount) throw new InvalidTokenError('Token is blacklisted');
  return found;
}

/** The pair of this id, whose user may come in. Throws InvalidTokenError. */
export async function requirePair(
  database: Database,
  pairId: string,
  { rules, now }: PairOptions,
  { isActive }: { isActive: true | 'either' } = { isActive: true },
): Promise<FoundPair> {
  const row = await database.token.findUnique({ where: { id: pairId, kind: 'REFRESH' }, include: { user: true } });
  if (!row) throw new InvalidTokenError('Token is blacklisted');
  const { user, ...pair } = row;
  if (isExpired(pair, rules.lifetimes, now)) throw new InvalidTokenError('Token is expired');
  const found = { user, pair };
  if (isActive === true) requireActive(found);
  return found;
}

function requireActive({ user }: FoundPair): void {
  if (!user.isActive) throw new InvalidTokenError('User is inactive');
}

/** The pair one further with its user, where it was this call that moved it on: of many at once, one does. */
async function moveOn(
  database: Database,
  { pairId, refreshCount }: RefreshPlace,
  { rules, now }: PairOptions,
): Promise<OpenPair | null> {
  const [moved] = await database.$queryRaw<(Token & Omit<ViewerIdentity, 'id'>)[]>`
    UPDATE "Token" t
       SET "refreshCount" = t."refreshCount" + 1, "refreshedAt" = ${now}, "lastUsedAt" = ${now},
           "expiresAt" = ${refreshExpiry(rules, now)}
      FROM "User" u
     WHERE t."id" = ${pairId}::uuid AND t."kind" = 'REFRESH' AND t."refreshCount" = ${refreshCount}
       AND u."id" = t."userId" AND u."isActive" AND NOT ${isExpiredSql(now, rules.lifetimes)}
    RETURNING t.*, u."username", u."isStaff", u."isSuperuser"`;
  if (!moved) return null;
  const { username, isStaff, isSuperuser, ...pair } = moved;
  return { user: { id: pair.userId, username, isStaff, isSuperuser }, pair };
}

function requirePlace(refresh: string, secrets: TokenSecrets): RefreshPlace {
  const place = verifyRefreshKey(refresh, secrets);
  if (!place) throw new InvalidTokenError('Token is invalid');
  return place;
}

function refreshExpiry({ refreshLifetimeSeconds }: TokenRules, now: Date): Date {
  return new Date(now.getTime() + refreshLifetimeSeconds * 1000);
}
