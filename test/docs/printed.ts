import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

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
  const fences = readPage(page).matchAll(/^```(\w+) (\w+)\n(.*?)^```$/gms);
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
