import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { recordOutput } from '../recorder.ts';
import { ROOT, readPage } from './printed.ts';

const COPIED = ['src', 'prisma', 'schema', 'test', 'bench', 'docs/guides', 'README.md', 'vitest.config.ts'];
const CONFIGURATION = [
  'package.json',
  'bundle.mjs',
  'tsconfig.json',
  'tsconfig.build.json',
  'codegen.ts',
  'prisma.config.ts',
];

/** A folder with the project as it is in the repository, to be changed and built. */
export function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of [...COPIED, ...CONFIGURATION]) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: (each) => !each.includes('generated') });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The guide's blocks that bear the name of a file, put where they belong; how many there were. */
export function applyFiles(guide: string, folder: string): number {
  const blocks = readPage(guide).matchAll(/^```(\w+) (\S+\/\S+|codegen\.ts|tsconfig\.json)\n(.*?)^```$/gms);
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
  return applied;
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
export async function start(folder: string, env: Record<string, string>) {
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
