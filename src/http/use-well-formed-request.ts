import type { IncomingMessage } from 'node:http';
import type { Plugin } from 'graphql-yoga';
import { RequestRefused } from '../errors.ts';

// Real documents nest a dozen deep; the parser's own recursion ends at some thousands, in a stack overflow.
const MOST_NESTED = 200;

/** Refuses with 400 what Yoga or the parser would stumble over as if the server were at fault. */
export function useWellFormedRequest(): Plugin {
  return {
    onRequestParse({ requestParser, setRequestParser, serverContext }) {
      if (!requestParser) return;
      setRequestParser(async (request) => {
        if (hasTwoAuthorizations(serverContext as { req?: IncomingMessage })) {
          throw new RequestRefused('BAD_REQUEST', 'Two Authorization headers were sent. Send one.');
        }
        try {
          return await requestParser(request);
        } catch (error) {
          // A query string or form whose `variables` or `extensions` are not JSON.
          if (error instanceof SyntaxError) throw new RequestRefused('BAD_REQUEST', `Invalid JSON: ${error.message}`);
          throw error;
        }
      });
    },
    onParams({ params }) {
      if (params.operationName != null && typeof params.operationName !== 'string') {
        throw new RequestRefused('BAD_REQUEST', 'operationName must be a string.');
      }
      if (typeof params.query === 'string' && nestingOf(params.query) > MOST_NESTED) {
        throw new RequestRefused('BAD_REQUEST', `The document must not nest more than ${MOST_NESTED} levels deep.`);
      }
    },
  };
}

// Node keeps the first of several Authorization headers; a proxy in front may have judged another.
function hasTwoAuthorizations({ req }: { req?: IncomingMessage }): boolean {
  return (req?.headersDistinct.authorization?.length ?? 0) > 1;
}

/** How deep the brackets of a document nest, those in strings and comments left out. */
function nestingOf(document: string): number {
  // Each alternative takes what it began to its end, closed or not: nothing is ever scanned twice.
  const code = document.replaceAll(/"""(?:\\"""|[\s\S])*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?|#[^\n\r]*/g, '');
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of code.matchAll(/[{}[\]()]/g)) {
    depth += '{[('.includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
