import { isExpired, type TokenLifetimes } from '../auth/expiry.ts';
import { newTokenId } from '../auth/key.ts';
import type { Viewer } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import type { Token, TokenKind, User } from '../database/generated/prisma/client.ts';
import { isRowMissing, isUniqueViolation } from '../database/prisma-errors.ts';
import { isExpiredAt } from './expired.ts';
import { TokenNotFoundError, ValidationError } from './failures.ts';

/** What tokens are held to here. */
export interface TokenRules {
  lifetimes: TokenLifetimes;
  /** How many live ones a user may have. */
  maxTokensPerUser: number;
}

interface TokenAsked {
  userId: string;
  name: string;
  rules: TokenRules;
  now: Date;
}

/**
 * The user's login token of this name, made if there is none that lives.
 * Throws ValidationError when the name belongs to a token made by hand: only login tokens are handed out again.
 */
export async function obtainLoginToken(database: Database, asked: TokenAsked): Promise<Token> {
  const found = await findLiveToken(database, asked);
  if (found && found.kind !== 'LOGIN') {
    throw new ValidationError([{ path: ['name'], message: 'A token made by hand has this name. Choose another.' }]);
  }
  // Two first logins at once: one makes the token, the other is given the same.
  return found ?? (await makeToken(database, asked, 'LOGIN')) ?? obtainLoginToken(database, asked);
}

/** A new token of this name in place of any other that bears it; the old key is dead from then on. */
export async function replaceToken(database: Database, asked: TokenAsked, kind: TokenKind): Promise<Token> {
  const { userId, name } = asked;
  const [, token] = await database.$transaction([
    database.token.deleteMany({ where: { userId, name, supersededAt: null } }),
    database.token.create({ data: { id: newTokenId(), userId, name, kind } }),
  ]);
  return token;
}

/** The user's token of this name, or null when there is none or it has expired. */
export async function findLiveToken(database: Database, asked: TokenAsked): Promise<Token | null> {
  const { userId, name, rules, now } = asked;
  const token = await database.token.findFirst({ where: { userId, name, supersededAt: null } });
  return token && !isExpired(token, rules.lifetimes, now) ? token : null;
}

/** A new token of this name, in place of an expired one; null when a living one has the name. */
export async function makeToken(database: Database, asked: TokenAsked, kind: TokenKind): Promise<Token | null> {
  const { userId, name, rules, now } = asked;
  const expired = isExpiredAt(now, rules.lifetimes);
  try {
    const [, token] = await database.$transaction([
      database.token.deleteMany({ where: { userId, name, supersededAt: null, ...expired } }),
      database.token.create({ data: { id: newTokenId(), userId, name, kind } }),
    ]);
    return token;
  } catch (error) {
    if (isUniqueViolation(error, 'name')) return null;
    throw error;
  }
}

/** Ends one of the viewer's own tokens. Throws TokenNotFoundError for any other, existing or not. */
export async function revokeToken(database: Database, viewer: Viewer, tokenId: string): Promise<Token> {
  try {
    return await database.token.delete({ where: { id: tokenId, userId: viewer.user.id } });
  } catch (error) {
    if (isRowMissing(error)) throw new TokenNotFoundError();
    throw error;
  }
}

/** Ends any token of any user, with whose it was; null when there is none of this id. */
export async function endToken(database: Database, id: string): Promise<(Token & { user: User }) | null> {
  try {
    return await database.token.delete({ where: { id }, include: { user: true } });
  } catch (error) {
    if (isRowMissing(error)) return null;
    throw error;
  }
}

/** Ends the user's tokens, all of them or those that bear this name: how many there were. */
export async function endTokensOf(database: Database, userId: string, name?: string): Promise<number> {
  const { count } = await database.token.deleteMany({ where: { userId, ...(name !== undefined && { name }) } });
  return count;
}

export function countTokensOf(database: Database, userId: string): Promise<number> {
  return database.token.count({ where: { userId } });
}

export function findToken(database: Database, id: string): Promise<Token | null> {
  return database.token.findUnique({ where: { id } });
}
