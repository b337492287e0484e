import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * graphql as modules for all who use it, those that are CommonJS too: there must be one of it, and to whoever imports it
 * as CommonJS each of its names is a function to be called.
 */
const graphqlAsModules = {
  name: 'graphql as modules',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^graphql(\/|$)/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === 'resolving') return undefined;
      const found = await resolve(path, { ...from, pluginData: 'resolving' });
      return { ...found, path: found.path.replace(/\.js$/, '.mjs') };
    });
  },
};

// The program as few files: of each of a thousand modules Node asks where it is and what kind it has, which is most of
// a start. What other servers import (`exports` in package.json) is left as it was compiled, with its types.
await rm('dist/program', { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts', 'src/cli.ts', 'src/workers/worker.ts'],
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'program/[name]-[hash]',
  bundle: true,
  // What is loaded when it is wanted stays apart.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  plugins: [graphqlAsModules],
  // In it stand native code and files that are looked for beside the module; a page of nine megabytes.
  external: ['bcrypt', '@electric-sql/pglite', '@graphql-yoga/render-graphiql'],
  // For packages that are CommonJS, which find none in a module.
  banner: {
    js: "import { createRequire as __requireOf } from 'node:module'; const require = __requireOf(import.meta.url);",
  },
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
await chmod('dist/cli.js', 0o755);
