/**
 * Every way in which a request, as against a mutation's input, can be refused: the code that stands in
 * `extensions.code` and the HTTP status when nothing of the request ran.
 */
export const ERROR_CODES = {
  UNAUTHENTICATED: { status: 401 },
  AUTHENTICATION_FAILED: { status: 401 },
  FORBIDDEN: { status: 403 },
  OVERLOADED: { status: 503 },
  GRAPHQL_PARSE_FAILED: { status: 400 },
  GRAPHQL_VALIDATION_FAILED: { status: 400 },
  BAD_REQUEST: { status: 400 },
  INTERNAL_SERVER_ERROR: { status: 500 },
} as const satisfies Record<string, { status: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A mistake of the person at the terminal or in the configuration: told in one message, without a stack trace. */
export class OperatorError extends Error {
  override name = 'OperatorError';
}
