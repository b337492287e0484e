import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';

/**
 * Tests that need programs of other makes. Where one is not installed they are skipped, and their name says why;
 * with CI=true it is a failure: there nothing may go unproved.
 */
export function describeWith(tools: readonly string[], name: string, tests: () => void): void {
  const missing = tools.filter((tool) => !isInstalled(tool));
  const why = `${missing.join(' and ')} not installed`;
  if (missing.length > 0 && process.env.CI === 'true') {
    it(name, () => {
      throw new Error(`This cannot be proved here: ${why}.`);
    });
  } else {
    describe.skipIf(missing.length > 0)(missing.length > 0 ? `${name} (skipped: ${why})` : name, tests);
  }
}

function isInstalled(tool: string): boolean {
  return findTool(tool) !== null;
}

/** Where a program is, or null when it is not installed. */
export function findTool(tool: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...postgresFolders()];
  return folders.map((folder) => join(folder, tool)).find(isExecutable) ?? null;
}

// Debian keeps what starts a server of PostgreSQL out of everybody's way, each version by itself: the newest first.
function postgresFolders(): string[] {
  const root = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(root, version, 'bin'));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
