// What other servers import: the package's public entry.
export { keyOf, newTokenId, type TokenSecrets, verifyKey } from './auth/key.ts';
export { autoToken } from './database/auto-token.ts';
export { tokenKeys } from './database/token-keys.ts';
