import { createHash } from 'node:crypto';
import type { Plugin } from 'graphql-yoga';
import type { SigningKeys } from '../auth/signing-keys.ts';
import type { RequestEntries } from './use-request-log.ts';

const JWKS_PATH = '/.well-known/jwks.json';

/** How long others may keep the keys: shorter than a new one is published before it signs. */
const MOST_SECONDS = 300;

/** The public halves of the keys that access tokens are signed with, for services that verify them. Source: RFC 7517. */
export function useJwks(keys: SigningKeys, now: () => Date, entries: RequestEntries): Plugin {
  async function answer(request: Request): Promise<{ status: number; headers: Record<string, string>; body?: string }> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, headers: { Allow: 'GET, HEAD' } };
    const body = JSON.stringify({ keys: await keys.published(now()) });
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const headers = {
      'Cache-Control': `public, max-age=${MOST_SECONDS}`,
      ETag: etag,
      // Whoever may read them is everybody.
      'Access-Control-Allow-Origin': '*',
    };
    if (request.headers.get('if-none-match') === etag) return { status: 304, headers };
    return { status: 200, headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' }, body };
  }

  return {
    onRequest({ request, url, fetchAPI, endResponse }) {
      if (!request.url.includes(JWKS_PATH) || url.pathname !== JWKS_PATH) return;
      const entry = entries.get(request);
      if (entry) entry.operation = JWKS_PATH;
      return answer(request).then(({ status, headers, body = null }) =>
        endResponse(new fetchAPI.Response(request.method === 'HEAD' ? null : body, { status, headers })),
      );
    },
  };
}
