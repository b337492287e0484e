import { readFileSync } from 'node:fs';

/** This version of Tessera, as its package.json has it. */
export function versionOf(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
