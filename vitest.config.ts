import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Vitest reads this file once a project, and all must mean the same folder; the recorder makes it.
process.env.RECORD_DIR ??= join(tmpdir(), `tessera-record-${process.pid}-${Date.now()}`);
const { RECORD_DIR } = process.env;

export default defineConfig({
  // Pothos and Yoga reach graphql's CommonJS files; ours must be the same module.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    setupFiles: 'test/setup.ts',
    env: { NODE_ENV: 'test', RECORD_DIR },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: ['test/after-all/**'],
          globalSetup: 'test/global-setup.ts',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Looks at what all the others have put out.
        test: { name: 'after all', include: ['test/after-all/*.test.ts'], sequence: { groupOrder: 1 } },
      },
    ],
  },
});
