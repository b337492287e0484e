import { isKeyShaped } from '../auth/key.ts';
import { OperatorError } from '../errors.ts';
import { parseGlobalId } from '../graphql/global-id.ts';
import { harmless } from './harmless.ts';

/** The row's id behind a token's global id, as listings and the API show it. Throws OperatorError for anything else. */
export function readTokenId(globalId: string): string {
  if (isKeyShaped(globalId)) {
    throw new OperatorError(
      'That is a key, not an id, and what stands on a command line can be read by others: revoke it by its id, ' +
        'which "npx tessera token list" shows.',
    );
  }
  const { typename, id } = parseGlobalId(globalId) ?? {};
  if (typename !== 'Token' || id === undefined) {
    throw new OperatorError(`${harmless(globalId)} is no token’s id. "npx tessera token list" shows them.`);
  }
  return id;
}
