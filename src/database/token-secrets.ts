import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fingerprintOf, type TokenSecrets } from '../auth/key.ts';
import { newSecret } from '../auth/secret.ts';
import { OperatorError } from '../errors.ts';
import type { Database } from './client.ts';

const KNOWN = 'SELECT fingerprint FROM "SecretFingerprint" WHERE fingerprint = ANY($1)';

/** Where the secret that is made at first start is kept. */
export function tokenSecretPath(dataDir: string): string {
  return join(dataDir, 'token-secret');
}

/** The secret kept in the data directory, or null when none has been made there yet. */
export async function readTokenSecret(dataDir: string): Promise<TokenSecrets | null> {
  const kept = await readSecret(tokenSecretPath(dataDir));
  return kept === null ? null : [kept];
}

/** The secret kept in the data directory, made there (mode 0600) when it is asked for the first time. */
export async function readOrMakeTokenSecret(dataDir: string): Promise<TokenSecrets> {
  const path = tokenSecretPath(dataDir);
  const kept = await readSecret(path);
  if (kept) return [kept];
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${newSecret()}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    // A link either makes the whole file or finds another's: of two first starts at once both use the same secret.
    await link(draft, path).catch(ignore('EEXIST'));
  } finally {
    await unlink(draft);
  }
  const made = await readSecret(path);
  if (!made) throw new OperatorError(`${path} vanished while it was being made: is something clearing ${dataDir}?`);
  return [made];
}

/**
 * Makes sure that keys derived here open what other processes on this database derived, and notes new secrets.
 * Throws OperatorError when none of the secrets is one that the database knows: every key issued with them would be
 * refused elsewhere, and every key issued elsewhere refused here.
 */
export async function checkSecretFingerprints(database: Database, secrets: TokenSecrets): Promise<void> {
  const mine = secrets.map(fingerprintOf);
  if (await isEveryOneKnown(database, mine)) return;
  await database.$transaction(async (transaction) => {
    // One at a time: of two first starts with two secrets, the second must see what the first has noted.
    await transaction.$executeRaw`LOCK TABLE "SecretFingerprint" IN EXCLUSIVE MODE`;
    const known = new Set((await transaction.secretFingerprint.findMany()).map((row) => row.fingerprint));
    if (areForeign(mine, known)) throw foreignSecrets();
    await transaction.secretFingerprint.createMany({
      data: mine.filter((fingerprint) => !known.has(fingerprint)).map((fingerprint) => ({ fingerprint })),
      skipDuplicates: true,
    });
  });
}

/** Throws OperatorError when this database's keys were derived from other secrets; notes nothing. */
export async function refuseForeignSecrets(database: Database, secrets: TokenSecrets): Promise<void> {
  const known = new Set((await database.secretFingerprint.findMany()).map((row) => row.fingerprint));
  if (areForeign(secrets.map(fingerprintOf), known)) throw foreignSecrets();
}

function areForeign(mine: string[], known: ReadonlySet<string>): boolean {
  return known.size > 0 && !mine.some((fingerprint) => known.has(fingerprint));
}

function foreignSecrets(): OperatorError {
  return new OperatorError(
    'TOKEN_SECRETS (or the secret kept in DATA_DIR) is not what this database’s keys were derived from. ' +
      'Use the same secret as the other processes on this database. To change it, put the new one in front ' +
      'and keep the old one behind it: TOKEN_SECRETS=new,old.',
  );
}

async function isEveryOneKnown(database: Database, fingerprints: string[]): Promise<boolean> {
  const known = await database.$read<{ fingerprint: string }>(KNOWN, [fingerprints]);
  return known.length === fingerprints.length;
}

async function readSecret(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(ignore('ENOENT'));
  if (text === undefined) return null;
  const secret = text.trim();
  if (Buffer.byteLength(secret) < 32) {
    throw new OperatorError(`${path} must hold a secret of at least 32 bytes. Restore it, or set TOKEN_SECRETS.`);
  }
  return secret;
}

function ignore(code: string) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error;
  };
}
