import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fingerprintOf } from '../../src/auth/key.ts';
import { checkSecretFingerprints, readOrMakeTokenSecret } from '../../src/database/token-secrets.ts';
import { openWorld, TOKEN_SECRET } from '../world.ts';

const { database } = await openWorld();
const FOREIGN = 'f'.repeat(32);
const NEW = 'n'.repeat(32);

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-secret-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function knownFingerprints(): Promise<string[]> {
  return (await database.secretFingerprint.findMany()).map(({ fingerprint }) => fingerprint).sort();
}

describe('the secret in the data directory', () => {
  it('is made once, for its owner’s eyes alone, and reused', async () => {
    const dataDir = join(emptyFolder(), 'not', 'there', 'yet');
    const [made] = await readOrMakeTokenSecret(dataDir);
    expect(made).toMatch(/^[A-Za-z0-9_-]{64}$/);
    expect(statSync(join(dataDir, 'token-secret')).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(await readOrMakeTokenSecret(dataDir)).toEqual([made]);
  });

  it('is one for all who make it at once', async () => {
    const dataDir = emptyFolder();
    const made = await Promise.all(Array.from({ length: 8 }, () => readOrMakeTokenSecret(dataDir)));
    expect(new Set(made.flat()).size).toBe(1);
    expect(readFileSync(join(dataDir, 'token-secret'), 'utf8').trim()).toBe(made[0]?.[0]);
  });

  it('is not accepted cut short', async () => {
    const dataDir = emptyFolder();
    writeFileSync(join(dataDir, 'token-secret'), 'short\n');
    await expect(readOrMakeTokenSecret(dataDir)).rejects.toThrow('must hold a secret of at least 32 bytes');
  });
});

describe('the fingerprints in the database', () => {
  it('know the secret that the database was first opened with', async () => {
    expect(await knownFingerprints()).toEqual([fingerprintOf(TOKEN_SECRET)]);
  });

  it('refuse a foreign secret, and stay as they were', async () => {
    await expect(checkSecretFingerprints(database, [FOREIGN])).rejects.toThrow(
      'is not what this database’s keys were derived from',
    );
    expect(await knownFingerprints()).toEqual([fingerprintOf(TOKEN_SECRET)]);
  });

  it('learn a new secret that comes with a known one', async () => {
    await checkSecretFingerprints(database, [NEW, TOKEN_SECRET]);
    expect(await knownFingerprints()).toEqual([fingerprintOf(NEW), fingerprintOf(TOKEN_SECRET)].sort());
    await checkSecretFingerprints(database, [NEW]);
  });

  it('take one of two that come first at once, and refuse the other', async () => {
    await database.secretFingerprint.deleteMany();
    const outcomes = await Promise.allSettled([
      checkSecretFingerprints(database, ['1'.repeat(32)]),
      checkSecretFingerprints(database, ['2'.repeat(32)]),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await knownFingerprints()).toHaveLength(1);
  });
});
