import type { Plugin } from 'graphql-yoga';
import { endToken } from '../accounts/revoke-tokens.ts';
import { isKeyShaped, verifyKey } from '../auth/key.ts';
import { isRefreshShaped, verifyRefreshKey } from '../auth/refresh-key.ts';
import type { Changes } from '../database/changes.ts';
import { type Context, originOf, type ServerContext } from '../graphql/context.ts';
import { type OAuthParts, oauthEndpoint } from './oauth-endpoint.ts';

export const REVOKE_PATH = '/oauth/revoke';

/**
 * `POST /oauth/revoke`: ends the token whose key is sent, or the pair. To hold the key is to be allowed to, so no further credentials
 * are needed; a page on another site that posts this form can end no key but one that it knows. Source: RFC 7009.
 */
export function useOAuthRevoke(
  { database, tokenSecrets, accessTokens, now }: ServerContext,
  changes: Changes,
  parts: OAuthParts,
): Plugin {
  async function answer(token: string, caller: Pick<Context, 'viewer' | 'sender'>): Promise<null> {
    const tokenId = await idOf(token);
    // Settled, so that this server refuses the key with the very next request.
    if (tokenId !== null && (await endToken(database, tokenId, originOf(caller)))) await changes.settle();
    return null;
  }

  /** Of what it opens: of an access token and of a refresh token, the pair. */
  async function idOf(token: string): Promise<string | null> {
    if (isKeyShaped(token)) return verifyKey(token, tokenSecrets);
    if (isRefreshShaped(token)) return verifyRefreshKey(token, tokenSecrets)?.pairId ?? null;
    const verdict = await accessTokens?.verify(token, now());
    return verdict?.isAccepted ? verdict.claims.pairId : null;
  }

  return oauthEndpoint({ path: REVOKE_PATH, admit: null, answer }, parts);
}
