import type { Config, Secrets } from '../config.ts';
import { OperatorError } from '../errors.ts';

/** Throws OperatorError where the keys that access tokens are signed with are not kept in the database. */
export function requireKeptKeys(config: Config, secrets: Secrets): void {
  if (!config.authentication.includes('jwt')) {
    throw new OperatorError('There are no signing keys: AUTHENTICATION does not name jwt.');
  }
  if (secrets.jwtKeys !== null) {
    throw new OperatorError(
      'The signing keys are those that JWT_KEYS names, and not kept here. To rotate them, put the new one behind the ' +
        'others first, in front once every service has it, and drop the old one when its tokens have expired.',
    );
  }
}
