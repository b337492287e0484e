import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLErrorOptions } from 'graphql';
import type { Logger } from 'pino';
import { ERROR_CODES, RequestRefused } from '../errors.ts';
import { toGraphQLError } from '../graphql/refusal.ts';

/**
 * What a caller is told of an error: refusals and GraphQL's own as they are; of anything else only an id, which
 * stands in the log beside the error itself.
 */
export function maskError(log: Logger) {
  return (error: unknown): Error => {
    const original = error instanceof GraphQLError ? error.originalError : error;
    if (original instanceof RequestRefused) return toGraphQLError(original, placeOf(error));
    if (error instanceof GraphQLError && (!original || original instanceof GraphQLError)) return error;
    if (isStackOverflow(original)) {
      log.warn({ reason: 'stack overflow' }, 'document refused');
      return toGraphQLError(new RequestRefused('BAD_REQUEST', 'The document nests too deep.'));
    }
    const requestId = randomUUID();
    log.error({ err: original, requestId }, 'request failed');
    return new GraphQLError(ERROR_CODES.INTERNAL_SERVER_ERROR.message, {
      ...placeOf(error),
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
    });
  };
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
