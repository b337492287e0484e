import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { startServer } from './program.ts';

const root = new URL('..', import.meta.url).pathname;
const readme = readFileSync(`${root}README.md`, 'utf8');
const quickstart = [...readme.matchAll(/^```(sh|json) quickstart\n(.*?)^```$/gms)].map(([, kind, text = '']) => ({
  kind,
  text,
}));

/** Port 4000, which the README prints, or another where something has taken that one. */
async function freePort(): Promise<string> {
  for (const wanted of [4000, 0]) {
    const probe = createServer();
    const port = await new Promise<number>((resolve) => {
      probe.once('error', () => resolve(0));
      probe.listen(wanted, '127.0.0.1', () => resolve((probe.address() as { port: number }).port));
    });
    await new Promise((resolve) => probe.close(resolve));
    if (port) return String(port);
  }
  throw new Error('No port is free.');
}

it('has a quickstart that does what it says, as it is printed', async () => {
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'tessera-readme-'));
  onTestFinished(() => rmSync(DATA_DIR, { recursive: true, force: true }));
  const PORT = await freePort();
  const { PATH = '', HOME = '' } = process.env;
  const server = await startServer({ DATA_DIR, PORT });
  expect(quickstart.map(({ kind }) => kind)).toEqual(['sh', 'sh', 'sh', 'json', 'sh', 'json']);

  const commands = quickstart.filter(({ kind }) => kind === 'sh').map(({ text }) => text);
  const script = commands.join('\necho\n').replaceAll(':4000/', `:${PORT}/`);
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', script], {
    cwd: root,
    env: { PATH, HOME, DATA_DIR },
  });

  const shown = stdout.split('\n').filter((line) => line.startsWith('{'));
  const printed = quickstart.filter(({ kind }) => kind === 'json').map(({ text }) => text.trim());
  expect(shown).toEqual(printed);
  server.child.kill('SIGTERM');
  expect((await server.finished).code).toBe(0);
});

it('begins with the two lines that run and test it', () => {
  const lines = [...readme.matchAll(/^```sh\n(.*?)\n```$/gms)].map(([, text]) => text);
  expect(lines.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
});
