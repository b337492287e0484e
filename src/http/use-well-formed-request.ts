import type { Plugin } from 'graphql-yoga';
import { RequestRefused } from '../errors.ts';
import { refuseTwoAuthorizations } from './two-authorizations.ts';

/** Refuses with 400 what Yoga or the parser would stumble over as if the server were at fault. */
export function useWellFormedRequest(): Plugin {
  return {
    onRequestParse({ requestParser, setRequestParser, serverContext }) {
      if (!requestParser) return;
      setRequestParser(async (request) => {
        refuseTwoAuthorizations(serverContext);
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
    },
  };
}
