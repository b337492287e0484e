import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished, vi } from 'vitest';
import { recordOutput, recordSecrets } from '../recorder.ts';
import { databaseOfItsOwn, TOKEN_SECRET } from '../world.ts';
import { freePort, markedBlocks, playBlocks, ROOT, readPage } from './printed.ts';

const GUIDE = 'docs/guides/extend.md';
const COPIED = ['src', 'prisma', 'schema', 'test', 'bench', 'docs/guides', 'README.md', 'vitest.config.ts'];
const CONFIGURATION = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'codegen.ts', 'prisma.config.ts'];

it('is performed on a copy of the project, step by step, as it is printed', async () => {
  const folder = copyProject();
  applyFiles(folder);
  const { PATH = '', HOME = '' } = process.env;
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const PORT = await freePort(4000);
  const env = { PATH, HOME, PORT, TOKEN_SECRETS: TOKEN_SECRET, ...own.env };

  const commands = markedBlocks(GUIDE, 'extend').map(({ text }) => text);
  const options = { cwd: folder, env, maxBuffer: 10_000_000 };
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', commands.join('\n')], options).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  expect(stdout).toContain('notes:read');
  const rules = readFileSync(join(folder, 'schema/field-rules.md'), 'utf8');
  expect(rules).toMatch(/^\| Query\.notes \|.*notes:read/m);
  expect(readFileSync(join(folder, 'schema/schema.graphql'), 'utf8')).toMatch(
    /notes\([^)]*\)[^@]*@authenticated @requiresScopes\(scopes: \[\["notes:read"\]\]\)/,
  );

  const server = await start(folder, env);
  const { answers, shown } = await playBlocks(markedBlocks(GUIDE, 'play'), env, ['4000', PORT], folder);
  expect(shown).toEqual(answers.join('\n').split('\n'));
  recordSecrets(shown);
  const created = /\(backup\): token event.*"CREATED"/g;
  const isTold = (times: number) =>
    vi.waitFor(() => expect(server.output().match(created)).toHaveLength(times), { timeout: 10_000 });
  await isTold(1);
  // The next night.
  const again = await promisify(execFile)('npx', ['tessera', 'note-key', 'ada'], options);
  recordSecrets(again.stdout);
  expect(again.stdout).toMatch(/^tsr_[\w-]{43}\n$/);
  await isTold(2);
  server.child.kill('SIGTERM');
  await server.finished;
}, 180_000);

function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-extend-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of [...COPIED, ...CONFIGURATION]) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: (each) => !each.includes('generated') });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The guide's blocks that bear the name of a file, put where they belong. */
function applyFiles(folder: string): void {
  const blocks = readPage(GUIDE).matchAll(/^```(\w+) (\S+\/\S+|codegen\.ts|tsconfig\.json)\n(.*?)^```$/gms);
  let applied = 0;
  for (const [, language, name = '', text = ''] of blocks) {
    const file = join(folder, name);
    if (language === 'diff') writeFileSync(file, edited(readFileSync(file, 'utf8'), text, name));
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { flag: 'a' });
    }
    applied += 1;
  }
  expect(applied).toBeGreaterThan(8);
}

/** The file with the lines of this difference changed; what stands around them must be in the file, and once. */
function edited(file: string, difference: string, name: string): string {
  const lines = difference.split('\n').slice(0, -1);
  const side = (sign: string) =>
    lines
      .filter((line) => line.startsWith(sign) || line.startsWith(' '))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const before = side('-');
  expect(file.split(before), `${name} has these lines once`).toHaveLength(2);
  return file.replace(before, () => side('+'));
}

/** `npm start` in this folder, ready; `finished` is what it has put out. */
async function start(folder: string, env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, ['dist/main.js'], { cwd: folder, env });
  let output = '';
  const isReady = new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text) => {
      output += text;
      if (output.includes('Tessera is ready.')) resolve();
    });
    child.stderr?.on('data', (text) => {
      output += text;
    });
    child.once('close', () => reject(new Error(`The server did not start:\n${output}`)));
  });
  const finished = new Promise<string>((resolve) => {
    child.once('close', () => {
      recordOutput(output);
      resolve(output);
    });
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await finished;
  });
  await isReady;
  return { child, finished, output: () => output };
}
