import { accessSync, constants } from 'node:fs';
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
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, tool));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
