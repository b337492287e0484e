import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openWorld } from './world.ts';

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const tessera = await import(new URL(manifest.exports['.'].default, root).href);
const { database, makeUser } = await openWorld();

it('gives other servers the extension and the arithmetic of keys', async () => {
  expect(Object.keys(tessera).sort()).toEqual(['autoToken', 'keyOf', 'newTokenId', 'tokenKeys', 'verifyKey']);
  const secrets = ['s'.repeat(32)];
  const { token } = await makeUser();
  expect(tessera.verifyKey(tessera.keyOf(token, secrets), secrets)).toBe(token.id);
});

it('shows a key by a call alone', async () => {
  const secrets = ['s'.repeat(32)];
  const { token } = await makeUser();
  const found = await database
    .$extends(tessera.tokenKeys({ secrets }))
    .token.findUniqueOrThrow({ where: { id: token.id } });
  expect(JSON.stringify(found)).not.toContain('tsr_');
  expect((found as unknown as { key(): string }).key()).toBe(tessera.keyOf(token, secrets));
});
