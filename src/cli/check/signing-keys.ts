import type { TokenSecrets } from '../../auth/key.ts';
import type { Config, Secrets } from '../../config.ts';
import { readConfiguredKeys } from '../../configured-keys.ts';
import type { Database } from '../../database/client.ts';
import { findKeptKeys } from '../../database/signing-keys.ts';
import { countOf } from '../words.ts';
import { type Finding, messageOf, warning, wrong } from './finding.ts';

const SUBJECT = 'signing keys';

/** What is amiss with the keys that JWT_KEYS names; nothing where it names none. */
export async function judgeConfiguredKeys({ authentication }: Config, { jwtKeys }: Secrets): Promise<Finding[]> {
  if (jwtKeys === null || !authentication.includes('jwt')) return [];
  try {
    await readConfiguredKeys(jwtKeys);
    return [];
  } catch (error) {
    return [wrong(SUBJECT, messageOf(error))];
  }
}

/** What is amiss with the keys that are kept in the database. */
export async function judgeKeptKeys(
  { authentication }: Config,
  { jwtKeys }: Secrets,
  database: Database,
  secrets: TokenSecrets | null,
): Promise<Finding[]> {
  if (jwtKeys !== null || secrets === null || !authentication.includes('jwt')) return [];
  const shut = (await findIfThere(database, secrets)).filter(({ privateKey }) => privateKey === null);
  if (shut.length === 0) return [];
  const message = `${countOf(shut.length, 'key')} cannot be opened: sealed with a secret that TOKEN_SECRETS no longer names.`;
  return [
    warning(
      SUBJECT,
      message,
      'Put that secret back behind the others and restart a server, or let it be: a new key is made.',
    ),
  ];
}

/** None where the migration that makes their table is still to come. */
async function findIfThere(database: Database, secrets: TokenSecrets) {
  return findKeptKeys(database, secrets).catch((error: { code?: string }) => {
    if (error.code === 'P2021') return [];
    throw error;
  });
}
