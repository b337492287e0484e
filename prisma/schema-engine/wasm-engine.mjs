import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';

// The package's entry imports its .wasm file as a module, which Node 20 cannot do.
const glueUrl = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
const bytes = await readFile(fileURLToPath(glueUrl.replace(/\.js$/, '.wasm')));
const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': glue });
/** Rejects when the engine panics: it hands the message over, throws out of a microtask, and never answers. */
export const panic = new Promise((_, reject) => {
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => reject(new Error(message)) };
  process.on('uncaughtException', (error) => {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    reject(error);
  });
});

glue.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

export const { version } = glue;

/** A schema engine on the given datamodels (pairs of path and content; may be none) and adapter factory. */
export function startEngine(datamodels, adapterFactory) {
  return glue.SchemaEngine.new(
    { datamodels: datamodels.length > 0 ? datamodels : undefined },
    () => {},
    adapterFactory,
  );
}
