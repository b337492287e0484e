import type { Plugin } from 'graphql-yoga';
import { graphiqlPolicy } from './graphiql.ts';

/** No answer of the API is a page: what shows it as one may load nothing, and stand in no frame. */
const POLICY = "default-src 'none'; frame-ancestors 'none'";

/** What stands on every answer that is no page. */
export const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': POLICY,
  'Referrer-Policy': 'no-referrer',
};

/** A year. Source: OWASP HTTP Strict Transport Security Cheat Sheet. */
const HSTS = 'max-age=31536000';

/**
 * What browsers are told beside each answer. `isTls`: clients come by https, so that no browser should ever come
 * otherwise. Source: OWASP REST Security Cheat Sheet, "Security Headers".
 */
export function useSecurityHeaders({ isTls }: { isTls: boolean }): Plugin {
  const onEach = Object.entries(SECURITY_HEADERS);
  return {
    onResponse({ response: { headers } }) {
      for (const [name, value] of onEach) headers.set(name, value);
      const isPage = headers.get('content-type')?.startsWith('text/html');
      if (isPage) headers.set('Content-Security-Policy', graphiqlPolicy());
      if (isTls) headers.set('Strict-Transport-Security', HSTS);
    },
  };
}
