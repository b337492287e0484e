import type { Plugin } from 'graphql-yoga';
import { InvalidTokenError } from '../accounts/failures.ts';
import { type VerifiedToken, verifyToken } from '../accounts/verify-token.ts';
import { lackingScopes } from '../auth/scope.ts';
import type { Viewer } from '../auth/viewer.ts';
import { RequestRefused } from '../errors.ts';
import type { ServerContext } from '../graphql/context.ts';
import { globalIdOf } from '../graphql/global-id.ts';
import { heldScopes } from '../graphql/judge-rules.ts';
import { tokensIntrospect } from '../graphql/scopes.ts';
import { type OAuthParts, oauthEndpoint } from './oauth-endpoint.ts';

export const INTROSPECT_PATH = '/oauth/introspect';

const NEEDED = tokensIntrospect.name;

/**
 * `POST /oauth/introspect`: whether a key or an access token is good, whose it is and what it may do, for services that
 * are sent one. Straight from the database, and no use of it. Source: RFC 7662.
 */
export function useOAuthIntrospect(
  { database, tokenSecrets, accessTokens, authentication, tokenRules: rules, credentialsMissing, now }: ServerContext,
  parts: OAuthParts,
): Plugin {
  function admit(viewer: Viewer | null): void {
    if (!viewer) throw credentialsMissing();
    if (lackingScopes(heldScopes(viewer), [NEEDED]).length === 0) return;
    const challenge = `Bearer error="insufficient_scope", scope="${NEEDED}"`;
    throw new RequestRefused('FORBIDDEN', `The token needs the scope ${NEEDED}.`, { 'WWW-Authenticate': challenge });
  }

  async function answer(token: string): Promise<object> {
    try {
      const options = { secrets: tokenSecrets, authentication, accessTokens, rules, now: now() };
      const verified = await verifyToken(database, token, options);
      // For Tessera alone: a service that is sent one must not take it for what lets somebody in.
      return verified.kind === 'REFRESH' ? { active: false } : describe(verified);
    } catch (error) {
      // Why it is not good is nobody's business: one answer for all that a token can lack.
      if (error instanceof InvalidTokenError) return { active: false };
      throw error;
    }
  }

  function describe({ user, scopes, expiresAt, issuedAt, tokenId }: VerifiedToken): object {
    return {
      active: true,
      scope: scopes.join(' '),
      username: user.username,
      token_type: 'Bearer',
      ...(expiresAt && { exp: secondsOf(expiresAt) }),
      iat: secondsOf(issuedAt),
      sub: globalIdOf('User', user.id),
      jti: globalIdOf('Token', tokenId),
    };
  }

  return oauthEndpoint({ path: INTROSPECT_PATH, admit, answer }, parts);
}

function secondsOf(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
