import { GraphQLError, type GraphQLErrorOptions } from 'graphql';
import { refusalWhenAway } from '../database/away.ts';
import { ERROR_CODES, RequestRefused } from '../errors.ts';
import { toGraphQLError } from '../graphql/refusal.ts';

/**
 * What a caller is told of an error: refusals and GraphQL's own as they are; that the database is away; of anything else, which is a bug or a
 * broken machine, nothing. The error itself stays behind it as `originalError`, for `useRequestLog`.
 */
export function maskError(error: unknown): Error {
  const original = error instanceof GraphQLError ? error.originalError : error;
  if (original instanceof RequestRefused) return toGraphQLError(original, placeOf(error));
  if (error instanceof GraphQLError && (!original || original instanceof GraphQLError)) return error;
  if (isStackOverflow(original)) {
    return toGraphQLError(new RequestRefused('BAD_REQUEST', 'The document nests too deep.'));
  }
  const originalError = original instanceof Error ? original : new Error(String(original));
  const refusal = refusalWhenAway(original);
  if (refusal) return toGraphQLError(refusal, { ...placeOf(error), originalError });
  return new GraphQLError(ERROR_CODES.INTERNAL_SERVER_ERROR.message, {
    ...placeOf(error),
    originalError,
    extensions: { code: 'INTERNAL_SERVER_ERROR' },
  });
}

// Parsing, validating and judging recurse as deep as a document and its chain of fragments; nothing else here does.
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}

function placeOf(error: unknown): GraphQLErrorOptions {
  if (!(error instanceof GraphQLError)) return {};
  const { nodes = null, source = null, positions = null, path = null } = error;
  return { nodes, source, positions, path };
}
