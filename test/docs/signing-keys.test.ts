import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readConfiguredKeys } from '../../src/configured-keys.ts';
import { markedBlocks, runPrinted } from './printed.ts';

it('makes keys that JWT_KEYS takes, by the lines that the page on configuration prints', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-jwt-keys-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const commands = markedBlocks('docs/guides/configuration.md', 'jwt-keys').map(({ text }) => text);
  expect(commands).toHaveLength(4);
  const stdout = await runPrinted(commands, {}, folder);

  const algorithmsOf = async (jwtKeys: string) =>
    (await (await readConfiguredKeys(jwtKeys)).published(new Date())).map(({ alg }) => alg);
  const file = (name: string) => join(folder, name);
  expect(await algorithmsOf(file('jwt-ed25519.pem'))).toEqual(['EdDSA']);
  expect(await algorithmsOf(`${file('jwt-ed25519.pem')},${file('jwt-es256.pub.pem')}`)).toEqual(['EdDSA', 'ES256']);
  expect(await algorithmsOf(`${file('jwt-es256.pem')}, ${file('jwt-rs256.pem')}`)).toEqual(['ES256', 'RS256']);
  await expect(readConfiguredKeys(file('jwt-es256.pub.pem'))).rejects.toThrow('has a private half');
  for (const name of readdirSync(folder)) expect([name, statSync(file(name)).mode & 0o077]).toEqual([name, 0]);

  const jwk = JSON.parse(stdout);
  const named = await readConfiguredKeys(JSON.stringify({ keys: [{ ...jwk, kid: '2026' }] }));
  expect((await named.published(new Date()))[0]).toMatchObject({ kid: '2026', alg: 'EdDSA' });
  expect((await named.signer(new Date())).id).toBe('2026');
  expect(await algorithmsOf(JSON.stringify(jwk))).toEqual(['EdDSA']);
});
