import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { startServer } from '../program.ts';
import { freePort, markedBlocks, playBlocks, ROOT } from './printed.ts';

const GUIDE = 'docs/guides/other-services.md';

it('shows what services ask and are answered, and one that verifies access tokens by itself, as it is printed', async () => {
  const DATA_DIR = temporaryFolder();
  const [PORT, shopPort] = [await freePort(4000), await freePort(5000)];
  await startServer({ DATA_DIR, PORT });
  const shop = await startShop({ TESSERA_URL: `http://localhost:${PORT}`, PORT: shopPort });
  const blocks = markedBlocks(GUIDE, 'other-services').map(({ kind, text }) => ({
    kind,
    text: text.replaceAll(':5000/', `:${shopPort}/`),
  }));
  const { answers, shown } = await playBlocks(blocks, { DATA_DIR }, ['4000', PORT]);
  // Instants and ids differ from run to run.
  const steady = (text: string) => text.replaceAll(/"(exp|iat|sub|jti)":("[^"]+"|\d+)/g, '"$1":…');
  expect(shown.map(steady)).toEqual(answers.flatMap((answer) => answer.split('\n')).map(steady));

  // What the page says of its code, and does not show.
  const statusOf = async (authorization: string) => (await fetch(shop, { headers: { authorization } })).status;
  for (const header of ['', 'Bearer', 'Bearer x', 'Token x', 'Bearer eyJhbGciOiJub25lIn0.e30.']) {
    expect([header, await statusOf(header)]).toEqual([header, 401]);
  }
  const lonely = await startShop({ TESSERA_URL: 'http://127.0.0.1:1', PORT: await freePort(5000) });
  const { status } = await fetch(lonely, { headers: { authorization: `Bearer ${shaped()}` } });
  expect(status).toBe(503);
}, 180_000);

/** The page's service, type-checked and started: its url. */
async function startShop(env: Record<string, string>): Promise<string> {
  const folder = temporaryFolder();
  const [block] = markedBlocks(GUIDE, 'shop.ts');
  writeFileSync(join(folder, 'shop.ts'), `${block?.text}\n`);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const { PATH = '', HOME = '' } = process.env;
  const options = { cwd: folder, env: { PATH, HOME, ...env } };
  await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', '--project', '.'], options);
  const shop = spawn(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'shop.ts'], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const finished = once(shop, 'close');
  onTestFinished(async () => {
    shop.kill('SIGTERM');
    await finished;
  });
  expect(String(await Promise.race([once(shop.stdout, 'data'), finished]))).toBe('ready\n');
  return `http://127.0.0.1:${env.PORT}/`;
}

/** A token that has the form of one and is of no known key. */
function shaped(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'EdDSA', typ: 'at+jwt', kid: 'none' })}.${part({ sub: 'x' })}.AAAA`;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-other-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
