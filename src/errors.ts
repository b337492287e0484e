/**
 * Every way in which a request, as against a mutation's input, can be refused: the code that stands in
 * `extensions.code`, the HTTP status when nothing of the request ran, and the message where there is but one.
 * `isSpec`: under application/json the status stays 200, as the GraphQL-over-HTTP audit wants it.
 * Source: Django REST framework's exceptions.py for codes and words.
 */
export const ERROR_CODES = {
  UNAUTHENTICATED: { status: 401, message: 'Authentication credentials were not provided.' },
  AUTHENTICATION_FAILED: { status: 401, message: 'Incorrect authentication credentials.' },
  FORBIDDEN: { status: 403, message: 'You do not have permission to perform this action.' },
  THROTTLED: { status: 429, message: 'Request was throttled.' },
  OVERLOADED: { status: 503, message: 'The server cannot answer just now. Try again in a moment.' },
  BAD_REQUEST: { status: 400, message: 'The request is malformed.' },
  GRAPHQL_PARSE_FAILED: { status: 400, isSpec: true, message: 'Syntax error.' },
  GRAPHQL_VALIDATION_FAILED: { status: 400, isSpec: true, message: 'The document is not valid.' },
  PERSISTED_QUERY_NOT_IN_LIST: {
    status: 400,
    isSpec: true,
    message: 'This server runs the operations of its list alone. Send the documentId of one of them, or its text.',
  },
  OPERATION_TOO_COMPLEX: { status: 400, isSpec: true, message: 'The operation asks for too much.' },
  INTERNAL_SERVER_ERROR: { status: 500, message: 'Internal server error.' },
} as const satisfies Record<string, { status: number; message: string; isSpec?: true }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The request, or a field of it, is refused; the edge turns this into a GraphQL error with its code and status. */
export class RequestRefused extends Error {
  override name = 'RequestRefused';
  readonly code: ErrorCode;
  /** Response headers that belong to the refusal, such as WWW-Authenticate. */
  readonly headers: Readonly<Record<string, string>>;
  /** What stands beside the code in `extensions`, such as `requiredScopes`. */
  readonly extensions: Readonly<Record<string, unknown>>;
  #result: string | null = null;

  constructor(
    code: ErrorCode,
    message: string = ERROR_CODES[code].message,
    headers: Record<string, string> = {},
    extensions: Record<string, unknown> = {},
  ) {
    // Where in the code a caller is refused says nothing of why, and to find it takes as long as all the rest.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.headers = headers;
    this.extensions = extensions;
  }

  /** GraphQL's result where nothing ran, in JSON. */
  get result(): string {
    const { message, extensions, code } = this;
    this.#result ??= JSON.stringify({ errors: [{ message, extensions: { ...extensions, code } }] });
    return this.#result;
  }
}

/** The refusal of what there is no room for just now, to be asked for again in so many seconds. */
export function overloaded(message?: string, seconds = 1): RequestRefused {
  return new RequestRefused('OVERLOADED', message, { 'Retry-After': String(seconds) });
}

/** The refusal of whoever asks too often, in Django REST framework's words. */
export function throttled(seconds: number): RequestRefused {
  const message = `Request was throttled. Expected available in ${seconds} second${seconds === 1 ? '' : 's'}.`;
  return new RequestRefused('THROTTLED', message, { 'Retry-After': String(seconds) }, { retryAfterSeconds: seconds });
}

/** A mistake of the person at the terminal or in the configuration: told in one message, without a stack trace. */
export class OperatorError extends Error {
  override name = 'OperatorError';
}
