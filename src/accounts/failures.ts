/** A failure that a caller can expect: the API returns it as data, the command line as one line. */
export abstract class Failure extends Error {}

/** Wrong password, unknown user and inactive user alike. */
export class InvalidCredentialsError extends Failure {
  override name = 'InvalidCredentialsError';

  constructor(message = 'Unable to log in with provided credentials.') {
    super(message);
  }
}

export class UsernameTakenError extends Failure {
  override name = 'UsernameTakenError';

  constructor() {
    super('A user with that username already exists.');
  }
}

export class TokenNotFoundError extends Failure {
  override name = 'TokenNotFoundError';

  constructor() {
    super('There is no such token of yours.');
  }
}

/** A JSON web token, or what belongs to one, that is no good: wrong, expired, spent or revoked. */
export class InvalidTokenError extends Failure {
  override name = 'InvalidTokenError';
}

export class TokenNameTakenError extends Failure {
  override name = 'TokenNameTakenError';

  constructor(message = 'This name is taken. Choose another.') {
    super(message);
  }
}

/** Somebody would have given a token what his own may not do. */
export class ScopeNotGrantedError extends Failure {
  override name = 'ScopeNotGrantedError';
  /** What his own token lacks. */
  readonly scopes: readonly string[];

  constructor(scopes: readonly string[], remedy: string) {
    super(`Your token cannot give what it may not do itself: ${scopes.join(', ')}. ${remedy}`);
    this.scopes = scopes;
  }
}

export interface FieldError {
  /** From the input object down: `["username"]`. */
  path: string[];
  message: string;
}

export class ValidationError extends Failure {
  override name = 'ValidationError';
  readonly fields: readonly FieldError[];

  constructor(fields: readonly FieldError[]) {
    super(fields.map(({ path, message }) => `${path.join('.')}: ${message}`).join(' '));
    this.fields = fields;
  }
}

/** What a schema has found wrong, as the failure that names each field. */
export function validationErrorOf(issues: readonly { path: PropertyKey[]; message: string }[]): ValidationError {
  return new ValidationError(issues.map(({ path, message }) => ({ path: path.map(String), message })));
}
