import type { Plugin } from 'graphql-yoga';
import { type CorsRules, corsHeadersFor, isClosed, preflightHeadersFor } from './cors.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';
import { perRequest } from './per-request.ts';

/**
 * Lets pages of the origins that are listed read what GraphQL answers, refusals included, and nobody else's. What
 * stands beside GraphQL is for services, and answers pages by no word of this.
 */
export function useCors(rules: CorsRules): Plugin {
  /** The headers for whoever has sent this. */
  const headersOf = perRequest<Record<string, string>>();
  if (isClosed(rules)) return {};
  return {
    onRequest({ request, url, fetchAPI, endResponse }) {
      if (url.pathname !== GRAPHQL_PATH) return;
      const origin = request.headers.get('origin');
      const headers = corsHeadersFor(origin, rules);
      headersOf.set(request, headers ?? {});
      const isPreflight = request.method === 'OPTIONS' && request.headers.has('access-control-request-method');
      if (!isPreflight || origin === null || headers === null) return;
      endResponse(new fetchAPI.Response(null, { status: 204, headers: preflightHeadersFor(origin, rules) }));
    },
    onResponse({ request, response }) {
      const headers = headersOf.get(request);
      if (!headers) return;
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
      // Also where nothing was allowed: what a cache has kept of it must not be shown to those who may read.
      response.headers.append('Vary', 'Origin');
    },
  };
}
