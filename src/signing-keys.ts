import type { Logger } from 'pino';
import type { TokenSecrets } from './auth/key.ts';
import type { SigningKeys } from './auth/signing-keys.ts';
import type { Config, Secrets } from './config.ts';
import { readConfiguredKeys } from './configured-keys.ts';
import type { Database } from './database/client.ts';
import type { OpenDatabase } from './database/open.ts';
import { findKeptKeys } from './database/signing-keys.ts';
import { keptKeys, type OpenKeys, openKeptKeys } from './kept-keys.ts';

interface SigningKeyParts extends Pick<OpenDatabase, 'database' | 'tokenSecrets' | 'changes'> {
  log: Logger;
  now(): Date;
}

/** What access tokens are signed with here; null where nobody comes in by them. Throws OperatorError for JWT_KEYS that are no good. */
export async function openSigningKeys(
  config: Config,
  secrets: Secrets,
  parts: SigningKeyParts,
): Promise<OpenKeys | null> {
  if (!config.authentication.includes('jwt')) return null;
  if (secrets.jwtKeys !== null) return { ...(await readConfiguredKeys(secrets.jwtKeys)), close: () => {} };
  return openKeptKeys({ ...parts, accessLifetimeSeconds: config.jwt.accessLifetimeSeconds });
}

/** The keys for whoever only looks: nothing is made, and the database is asked when a token names a key. */
export function lookedUpKeys(
  config: Config,
  { jwtKeys }: Secrets,
  tokenSecrets: TokenSecrets,
  open: () => Promise<Database>,
): SigningKeys | null {
  if (!config.authentication.includes('jwt')) return null;
  const { accessLifetimeSeconds } = config.jwt;
  const looking = async () =>
    jwtKeys === null
      ? keptKeys({ keys: await findKeptKeys(await open(), tokenSecrets), accessLifetimeSeconds })
      : readConfiguredKeys(jwtKeys);
  return {
    signer: async (now) => (await looking()).signer(now),
    find: async (id, now) => (await looking()).find(id, now),
    published: async (now) => (await looking()).published(now),
  };
}
