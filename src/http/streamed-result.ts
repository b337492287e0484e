import type { ExecutionResult, GraphQLError } from 'graphql';

/** One result of a stream: an event's, or parts of an answer. */
export interface StreamedResult extends Pick<ExecutionResult, 'data' | 'errors' | 'extensions'> {
  incremental?: readonly { errors?: readonly GraphQLError[] }[];
  hasNext?: boolean;
}

/** The same result with each of its errors, wherever in it they stand, made over. */
export function withErrors(result: StreamedResult, over: (error: GraphQLError) => GraphQLError): StreamedResult {
  const { errors, incremental } = result;
  return {
    ...result,
    ...(errors && { errors: errors.map(over) }),
    ...(incremental && {
      incremental: incremental.map((part) => ({ ...part, ...(part.errors && { errors: part.errors.map(over) }) })),
    }),
  };
}
