import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { startServer } from '../program.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Block {
  kind: string;
  text: string;
}

export function readPage(page: string): string {
  return readFileSync(`${ROOT}${page}`, 'utf8');
}

/** The fenced blocks that a page marks with this word after their language, in order. */
export function markedBlocks(page: string, mark: string): Block[] {
  const fences = readPage(page).matchAll(/^```(\w+) (\S+)\n(.*?)^```$/gms);
  return [...fences]
    .filter(([, , marked]) => marked === mark)
    .map(([, kind = '', , text = '']) => ({ kind, text: text.trimEnd() }));
}

/** What these commands print, run one after another in one shell that stops at the first that fails. */
export async function runPrinted(
  commands: readonly string[],
  env: Record<string, string>,
  cwd: string = ROOT,
): Promise<string> {
  const { PATH = '', HOME = '' } = process.env;
  const options = { cwd, env: { PATH, HOME, ...env } };
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', commands.join('\necho\n')], options);
  return stdout;
}

/** What a page says that its commands print, and what they do print; keys are left out, lines without text as well. */
export async function playBlocks(
  blocks: readonly Block[],
  env: Record<string, string>,
  ports: [string, string],
  cwd: string = ROOT,
) {
  const commands = blocks.filter(({ kind }) => kind === 'sh').map(({ text }) => text.replaceAll(...ofPort(ports)));
  const answers = blocks.filter(({ kind }) => kind !== 'sh').map(({ text }) => text);
  const stdout = await runPrinted(commands, env, cwd);
  const shown = stdout.split('\n').filter((line) => line !== '');
  return { answers, shown: shown.map((line) => line.replaceAll(/tsr_[\w-]{43}/g, 'tsr_…')) };
}

function ofPort([printed, real]: [string, string]): [string, string] {
  return [`:${printed}/`, `:${real}/`];
}

/** Plays the blocks that a page marks as its quickstart, on a server and a data directory of their own. */
export async function playQuickstart(page: string) {
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'tessera-quickstart-'));
  onTestFinished(() => rmSync(DATA_DIR, { recursive: true, force: true }));
  const PORT = await freePort(4000);
  const server = await startServer({ DATA_DIR, PORT });
  const played = await playBlocks(markedBlocks(page, 'quickstart'), { DATA_DIR }, ['4000', PORT]);
  server.child.kill('SIGTERM');
  expect((await server.finished).code).toBe(0);
  return played;
}

/** The port that a page prints, or another where something has taken that one. */
export async function freePort(printed: number): Promise<string> {
  for (const wanted of [printed, 0]) {
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
