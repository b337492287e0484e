import { lackingScopes } from '../auth/scope.ts';
import type { Viewer } from '../auth/viewer.ts';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import type { Token } from '../database/generated/prisma/client.ts';
import type { Origin } from '../database/origin.ts';
import { overloaded, RequestRefused } from '../errors.ts';
import { ScopeNotGrantedError, TokenNameTakenError } from './failures.ts';
import { readGrant } from './grant.ts';
import { issueToken, MOST_TRIES, tooManyTokens } from './issue-token.ts';
import { readNewToken } from './new-token.ts';
import { refuseChurn } from './token-churn.ts';
import type { TokenRules } from './tokens.ts';

interface CreateOptions {
  rules: TokenRules;
  /** The names of the scopes there are. */
  knownScopes: readonly string[];
  now: Date;
  origin: Origin;
}

/**
 * A new token of the viewer's, made by hand. It neither outreaches nor outlives the token that makes it.
 * Throws ValidationError, also for one token too many, ScopeNotGrantedError and TokenNameTakenError; RequestRefused
 * (THROTTLED) for too many within an hour.
 */
export async function createToken(
  database: Database,
  viewer: Viewer,
  asked: Parameters<typeof readNewToken>[0],
  options: CreateOptions,
  triesLeft = MOST_TRIES,
): Promise<Token> {
  const { rules, knownScopes, now, origin } = options;
  const grant = await readGrant(database, viewer, { lifetimes: rules.lifetimes, now });
  const fields = readNewToken(asked, { knownScopes, now, until: grant.until });
  const lacking = lackingScopes(grant.scopes, fields.scopes);
  if (lacking.length > 0) {
    throw new ScopeNotGrantedError(lacking, 'Name scopes that it has, or use a token that has these.');
  }
  // A token made by hand of this name would keep the login token out, and with it the password.
  if (fields.name === LOGIN_TOKEN_NAME) {
    throw new TokenNameTakenError(`The name "${LOGIN_TOKEN_NAME}" is kept for the login token. Choose another.`);
  }
  await refuseChurn(database, viewer.user.id, rules.maxTokensPerHour);
  const draft = { userId: viewer.user.id, kind: 'API' as const, ...fields };
  const issue = await issueToken(database, draft, { rules, now, origin, grant });
  if (issue.token) return issue.token;
  switch (issue.refusal) {
    case 'name-taken':
      throw new TokenNameTakenError();
    case 'no-place':
      throw tooManyTokens(rules);
    case 'ungranted':
      if (triesLeft === 0) throw overloaded();
      return createToken(database, viewer, asked, options, triesLeft - 1);
    case 'no-user':
      throw new RequestRefused('AUTHENTICATION_FAILED', 'User inactive or deleted.');
  }
}
