import { GraphQLError, type GraphQLErrorOptions } from 'graphql';
import { ERROR_CODES, type RequestRefused } from '../errors.ts';

/** The refusal as GraphQL tells it: its code in `extensions.code`; status and headers for the HTTP layer alone. */
export function toGraphQLError(refusal: RequestRefused, at: GraphQLErrorOptions = {}): GraphQLError {
  const { code, headers, extensions } = refusal;
  return new GraphQLError(refusal.message, {
    ...at,
    extensions: { ...extensions, code, http: { status: ERROR_CODES[code].status, headers } },
  });
}
