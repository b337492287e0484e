import { readFileSync } from 'node:fs';
import { PACKAGE_ROOT } from './package-root.ts';

/** This version of Tessera, as its package.json has it. */
export function versionOf(): string {
  return JSON.parse(readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')).version;
}
