import { isAsyncIterable, type Plugin, processRegularResult } from 'graphql-yoga';
import { RequestRefused } from '../errors.ts';
import { toGraphQLError } from '../graphql/refusal.ts';
import { withExtensions } from './with-extensions.ts';

const RESPONSE_JSON = 'application/graphql-response+json';
const MESSAGE = 'The answer comes as a stream: accept text/event-stream, or multipart/mixed for @defer and @stream.';

/**
 * Refuses with 406, in words, a stream that its client does not accept; Yoga by itself answers with nothing, and leaves
 * the stream open. To be hooked in before whoever settles statuses.
 */
export function useAcceptedStream(): Plugin {
  return {
    onResultProcess({ request, result, resultProcessor, setResult, setResultProcessor }) {
      if (!isAsyncIterable(result) || resultProcessor) return;
      void result[Symbol.asyncIterator]().return?.();
      const refusal = toGraphQLError(new RequestRefused('BAD_REQUEST', MESSAGE));
      setResult({ errors: [withExtensions(refusal, { ...refusal.extensions, http: { status: 406 } })] });
      const accepted = request.headers.get('accept')?.includes(RESPONSE_JSON) ? RESPONSE_JSON : 'application/json';
      setResultProcessor(processRegularResult, accepted);
    },
  };
}
