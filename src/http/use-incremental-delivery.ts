import { useDeferStream } from '@graphql-yoga/plugin-defer-stream';
import type { GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { maskError } from './mask-error.ts';
import { type StreamedResult, withErrors } from './streamed-result.ts';
import { withoutHttp } from './use-http-status.ts';

/** @defer and @stream, held to what holds for answers that come whole. */
export function useIncrementalDelivery(): Plugin {
  const { onSchemaChange, onValidate } = useDeferStream();
  return {
    ...(onSchemaChange && { onSchemaChange }),
    onValidate(payload) {
      return onValidate?.({
        ...payload,
        // Its own copy has no budget, and takes many times as long as graphql's, which stays.
        addValidationRule(rule) {
          if (rule.name !== 'OverlappingFieldsCanBeMergedRule') payload.addValidationRule(rule);
        },
      });
    },
    onExecute() {
      return { onExecuteDone: ({ result }) => (isAsyncIterable(result) ? { onNext: maskParts } : undefined) };
    },
  };
}

// Yoga masks the errors of a result, and does not look into its parts.
function maskParts({ result, setResult }: { result: StreamedResult; setResult(result: never): void }): void {
  if (result.incremental)
    setResult(withErrors(result, (error) => withoutHttp(maskError(error) as GraphQLError)) as never);
}
