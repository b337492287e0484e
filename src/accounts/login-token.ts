import { EVERY_SCOPE } from '../auth/scope.ts';
import type { Database } from '../database/client.ts';
import type { Token } from '../database/generated/prisma/client.ts';
import type { Origin } from '../database/origin.ts';
import { overloaded } from '../errors.ts';
import { ValidationError } from './failures.ts';
import { issueToken, MOST_TRIES, tooManyTokens } from './issue-token.ts';
import { findLiveToken, type TokenRules } from './tokens.ts';

interface LoginTokenAsked {
  userId: string;
  name: string;
  rules: TokenRules;
  now: Date;
  origin: Origin;
}

/**
 * The user's login token of this name, made if there is none that lives; null when there is no such user.
 * Throws ValidationError when the user has too many tokens, or when the name belongs to a token made by hand: only
 * login tokens are handed out again.
 */
export async function obtainLoginToken(
  database: Database,
  asked: LoginTokenAsked,
  triesLeft = MOST_TRIES,
): Promise<Token | null> {
  const found = await findLiveToken(database, asked);
  if (found && found.kind !== 'LOGIN') {
    throw new ValidationError([{ path: ['name'], message: 'A token made by hand has this name. Choose another.' }]);
  }
  if (found) return found;
  const { userId, name, rules, now, origin } = asked;
  const draft = { userId, kind: 'LOGIN' as const, name, scopes: [EVERY_SCOPE], expiresAt: null };
  const issue = await issueToken(database, draft, { rules, now, origin });
  if (issue.token) return issue.token;
  if (issue.refusal === 'no-place') throw tooManyTokens(rules);
  if (issue.refusal === 'no-user') return null;
  if (triesLeft === 0) throw overloaded();
  // Two first logins at once: one makes the token, the other is given the same.
  return obtainLoginToken(database, asked, triesLeft - 1);
}
