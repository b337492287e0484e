import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isLowVariety, newSecret } from '../../src/auth/secret.ts';
import { tessera } from '../program.ts';
import { openWorld, TOKEN_SECRET } from '../world.ts';

const world = await openWorld();

const ADVICE = [
  'Nothing has been changed. To rotate:',
  '1. Set this line on every server, the same on each, and restart one after another.',
  '   Until all have it, keys that one with it makes are refused by those without it.',
  '2. Keys made before stay good while the older secrets are listed. Clients that log in again get a new key.',
  '3. When everybody has had the time to log in again, drop all but the first. Whoever still sends a key of a',
  '   dropped secret is refused and logs in anew. `npx tessera check` counts the tokens that may rest on an older',
  '   one; the number falls as tokens end, not as users log in.',
];

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('tessera secrets new', () => {
  it('prints one secret, alone, another one each time', async () => {
    const first = await tessera(['secrets', 'new'], {});
    expect(first).toEqual({ code: 0, stdout: expect.stringMatching(/^[A-Za-z0-9_-]{64}\n$/), stderr: '' });
    expect((await tessera(['secrets', 'new'], {})).stdout).not.toBe(first.stdout);
  });
});

describe('tessera secrets rotate', () => {
  it('prints the list with a new secret in front, says what to do, and changes nothing', async () => {
    await world.makeUser();
    const { user } = await world.makeUser();
    await world.database.token.updateMany({ where: { userId: user.id }, data: { expiresAt: new Date(0) } });
    const { code, stdout, stderr } = await tessera(['secrets', 'rotate'], world.env);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: [...ADVICE, 'Live tokens that rest on the secrets in use: 1.', ''].join('\n'),
    });
    expect(stdout).toMatch(new RegExp(`^TOKEN_SECRETS=[A-Za-z0-9_-]{64},${TOKEN_SECRET}\n$`));
    expect(await world.database.secretFingerprint.count()).toBe(1);
  });

  it('prints what the server takes: keys of before are good under it, and the next rotation keeps them all', async () => {
    const { key } = await world.makeUser();
    const first = parseEnv((await tessera(['secrets', 'rotate'], world.env)).stdout) as Record<string, string>;
    const rotated = { ...world.env, ...first };
    expect(await tessera(['explain', key], rotated)).toMatchObject({ code: 0 });
    const again = await tessera(['secrets', 'rotate'], rotated);
    expect(again.stdout).toMatch(/^TOKEN_SECRETS=[\w-]{64},[\w-]{64},t{32}\n$/);
  });

  it('puts the secret kept in DATA_DIR behind the new one, for TOKEN_SECRETS hides it from then on', async () => {
    const dataDir = emptyFolder();
    const kept = newSecret();
    writeFileSync(join(dataDir, 'token-secret'), `${kept}\n`, { mode: 0o600 });
    const { code, stdout, stderr } = await tessera(['secrets', 'rotate'], { DATA_DIR: dataDir });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: [
        ...ADVICE,
        `From then on TOKEN_SECRETS counts and ${dataDir}/token-secret is not read: that is why its secret stands in the line.`,
        `How many live tokens rest on the secrets in use cannot be told: There is no database in DATA_DIR ${dataDir} yet. Start the server once.`,
        '',
      ].join('\n'),
    });
    expect(stdout).toMatch(new RegExp(`^TOKEN_SECRETS=[A-Za-z0-9_-]{64},${kept}\n$`));
    expect(readdirSync(dataDir)).toEqual(['token-secret']);
  });

  it('prints a line that .env files and shells read alike, whatever the old secrets are made of', async () => {
    const dataDir = emptyFolder();
    const odd = 'a secret with #, $HOME and "quotes" in it';
    const { stdout } = await tessera(['secrets', 'rotate'], {
      DATA_DIR: dataDir,
      TOKEN_SECRETS: `${odd.replace(',', '')}`,
    });
    expect(String(parseEnv(stdout).TOKEN_SECRETS).split(',').slice(1)).toEqual([odd.replace(',', '')]);
  });

  it('has nothing to rotate before the first secret', async () => {
    const dataDir = join(emptyFolder(), 'data');
    expect(await tessera(['secrets', 'rotate'], { DATA_DIR: dataDir })).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'There is no secret to rotate: TOKEN_SECRETS is not set, and the first start has yet to make one. Start the server once, or set TOKEN_SECRETS.\n',
    });
  });

  it('does not build on secrets that the database does not know', async () => {
    expect(await tessera(['secrets', 'rotate'], { ...world.env, TOKEN_SECRETS: 'f'.repeat(32) })).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^TOKEN_SECRETS .* is not what this database’s keys were derived from\. [^\n]*\n$/),
    });
  });
});

describe('a secret of low variety', () => {
  it.each(['t'.repeat(32), 'changeme'.repeat(4), 'supersecretkey12'.repeat(2), '0123456789'.repeat(4)])(
    'is known: %s',
    (secret) => {
      expect(isLowVariety(secret)).toBe(true);
    },
  );

  it('is never one that was drawn', () => {
    for (let drawn = 0; drawn < 1_000; drawn++) expect(isLowVariety(newSecret())).toBe(false);
  });
});
