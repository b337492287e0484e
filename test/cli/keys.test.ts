import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { recordOutput } from '../recorder.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const cli = new URL('../../dist/cli.js', import.meta.url).pathname;

async function keys(parts: string[], env: Record<string, string> = {}) {
  const asked = { env: { ...process.env, ...world.env, ...env } };
  const result = await promisify(execFile)(process.execPath, [cli, 'keys', ...parts], asked).catch((error) => error);
  recordOutput(result.stdout + result.stderr);
  return { code: result.code ?? 0, stdout: result.stdout as string, stderr: result.stderr as string };
}

async function states() {
  return JSON.parse((await keys(['list', '--json'])).stdout).map(({ state }: { state: string }) => state);
}

// On the embedded database the world owns it: its command is let in by the door.
it('rotates: the next key is listed first, signs later or at once, and can end all others', async () => {
  const now = () => new Date();
  expect(await states()).toEqual(['signing']);
  const next = await keys(['rotate']);
  expect(next.stdout).toMatch(/^Made key [\w-]{43}, which signs from \d{4}-.*Z on\.\n$/);
  expect(await states()).toEqual(['signing', 'next']);
  expect((await keys(['rotate', '--now'])).stdout).toMatch(/which signs from now on\.\n$/);
  expect(await states()).toEqual(['verifying', 'signing']);
  const [old] = JSON.parse((await keys(['list', '--json'])).stdout);
  expect(new Date(old.countsUntil).getTime()).toBeGreaterThan(now().getTime() + 300_000);
  expect(await keys(['rotate', '--revoke'])).toMatchObject({ code: 1, stderr: expect.stringContaining('--yes') });
  expect((await keys(['rotate', '--revoke', '--yes'])).stdout).toContain('Every other key is gone');
  expect(await states()).toEqual(['signing']);
  const listed = await keys(['list']);
  expect(listed.stdout).toMatch(/^KID +STATE +CREATED +SIGNS FROM +COUNTS UNTIL\n[\w-]{43} +signing /);
});

it('says what to do where keys are configured, or not used', async () => {
  const configured = await keys(['rotate'], { JWT_KEYS: '{"keys":[]}' });
  expect(configured).toMatchObject({ code: 1, stderr: expect.stringContaining('JWT_KEYS names') });
  const off = await keys(['list'], { AUTHENTICATION: 'token' });
  expect(off).toMatchObject({ code: 1, stderr: expect.stringContaining('AUTHENTICATION does not name jwt') });
});
