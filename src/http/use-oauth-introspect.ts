import type { Plugin } from 'graphql-yoga';
import { findViewer } from '../accounts/viewers.ts';
import { expiryOf } from '../auth/expiry.ts';
import { judgeKey, type TokenViewer } from '../auth/schemes/token.ts';
import { lackingScopes } from '../auth/scope.ts';
import type { Viewer } from '../auth/viewer.ts';
import { RequestRefused } from '../errors.ts';
import type { ServerContext } from '../graphql/context.ts';
import { globalIdOf } from '../graphql/global-id.ts';
import { heldScopes } from '../graphql/judge-rules.ts';
import { tokensIntrospect } from '../graphql/scopes.ts';
import { type OAuthParts, oauthEndpoint } from './oauth-endpoint.ts';

const NEEDED = tokensIntrospect.name;

/**
 * `POST /oauth/introspect`: whether a key is good, whose it is and what it may do, for services that are sent one.
 * Straight from the database, and no use of the key. Source: RFC 7662.
 */
export function useOAuthIntrospect(
  { database, tokenSecrets, tokenRules, credentialsMissing, now }: ServerContext,
  parts: OAuthParts,
): Plugin {
  const { lifetimes } = tokenRules;

  function admit(viewer: Viewer | null): void {
    if (!viewer) throw credentialsMissing();
    if (lackingScopes(heldScopes(viewer), [NEEDED]).length === 0) return;
    const challenge = `Bearer error="insufficient_scope", scope="${NEEDED}"`;
    throw new RequestRefused('FORBIDDEN', `The token needs the scope ${NEEDED}.`, { 'WWW-Authenticate': challenge });
  }

  async function answer(key: string): Promise<object> {
    const verdict = await judgeKey(key, {
      secrets: tokenSecrets,
      findViewer: (tokenId) => findViewer(database, tokenId),
      lifetimes,
      now,
    });
    // Why it is not good is nobody's business: one answer for all that a key can lack.
    return verdict.isAccepted ? describe(verdict.viewer) : { active: false };
  }

  function describe({ user, token }: TokenViewer): object {
    const expiry = expiryOf(token, lifetimes);
    return {
      active: true,
      scope: token.scopes.join(' '),
      username: user.username,
      token_type: 'Bearer',
      ...(expiry && { exp: secondsOf(expiry) }),
      iat: secondsOf(token.createdAt),
      sub: globalIdOf('User', user.id),
      jti: globalIdOf('Token', token.id),
    };
  }

  return oauthEndpoint({ path: '/oauth/introspect', admit, answer }, parts);
}

function secondsOf(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
