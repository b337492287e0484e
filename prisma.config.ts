import { fileURLToPath } from 'node:url';
import { defineConfig } from 'prisma/config';

// Prisma's own engine is a download; ours runs the same engine from an npm package (CONTRIBUTING.md, "A migration").
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(new URL('prisma/schema-engine.mjs', import.meta.url));

export default defineConfig({ schema: 'prisma/schema.prisma' });
