import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** PGlite, and the WebAssembly that it is made of, compiled. */
interface Engine {
  PGlite: typeof import('@electric-sql/pglite').PGlite;
  wasm: WebAssembly.Module;
}

let engine: Promise<Engine> | undefined;

/**
 * Loaded once in a process. Other threads compile what would else be waited for: asked early, they do it while the rest
 * is loaded.
 */
export function loadPglite(): Promise<Engine> {
  engine ??= load();
  return engine;
}

async function load(): Promise<Engine> {
  const folder = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
  const compiling = readFile(join(folder, 'pglite.wasm')).then((bytes) => WebAssembly.compile(bytes));
  const [{ PGlite }, wasm] = await Promise.all([import('@electric-sql/pglite'), compiling]);
  return { PGlite, wasm };
}
