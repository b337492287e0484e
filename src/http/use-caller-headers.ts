import type { Plugin } from 'graphql-yoga';

/** Answers depend on the caller and may carry a key: no cache may keep them, none may mix callers up. */
export function useCallerHeaders(): Plugin {
  return {
    onResponse({ response }) {
      // What is the same for everybody says so itself.
      if (!response.headers.get('cache-control')?.startsWith('public')) {
        response.headers.set('Cache-Control', 'private, no-store');
        response.headers.append('Vary', 'Authorization, Token, Cookie');
      }
    },
  };
}
