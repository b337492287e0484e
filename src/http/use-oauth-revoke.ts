import type { Plugin } from 'graphql-yoga';
import { endToken } from '../accounts/revoke-tokens.ts';
import { verifyKey } from '../auth/key.ts';
import type { Changes } from '../database/changes.ts';
import type { ServerContext } from '../graphql/context.ts';
import { type OAuthParts, oauthEndpoint } from './oauth-endpoint.ts';

/**
 * `POST /oauth/revoke`: ends the token whose key is sent. To hold the key is to be allowed to, so no further credentials
 * are needed; a page on another site that posts this form can end no key but one that it knows. Source: RFC 7009.
 */
export function useOAuthRevoke({ database, tokenSecrets }: ServerContext, changes: Changes, parts: OAuthParts): Plugin {
  async function answer(key: string): Promise<null> {
    const tokenId = verifyKey(key, tokenSecrets);
    // Settled, so that this server refuses the key with the very next request.
    if (tokenId !== null && (await endToken(database, tokenId))) await changes.settle();
    return null;
  }

  return oauthEndpoint({ path: '/oauth/revoke', admit: () => {}, answer }, parts);
}
