import type { Plugin } from 'graphql-yoga';
import type { AnsweredBrowser } from './browser.ts';
import type { PerRequest } from './per-request.ts';

/** Gives the browser with the answer the cookie that it was given in its course, or takes it away. */
export function useSessionCookie(browsers: PerRequest<AnsweredBrowser>): Plugin {
  return {
    onResponse({ request, response }) {
      const header = browsers.get(request)?.setCookie();
      if (header) response.headers.append('Set-Cookie', header);
    },
  };
}
