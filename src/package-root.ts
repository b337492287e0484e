import { existsSync } from 'node:fs';

/** The folder of package.json: above what runs, however deep that lies as a source, compiled, or bundled. */
export const PACKAGE_ROOT = rootAbove(new URL('.', import.meta.url));

function rootAbove(folder: URL): URL {
  return existsSync(new URL('package.json', folder)) ? folder : rootAbove(new URL('..', folder));
}
