import { readFileSync } from 'node:fs';
import type { CodegenConfig } from '@graphql-codegen/cli';

type Output = CodegenConfig['generates'][string];

/** What the documentation asks of the API, typed; a page that asks what the schema lacks is refused. */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  ignoreNoDocuments: true,
  generates: {
    'test/clients/generated/': typesFor('docs/guides/clients.md'),
    'test/clients/generated/readme/': typesFor('README.md'),
  },
};

function typesFor(page: string): Output {
  return {
    preset: 'client',
    documents: operationsOf(page),
    presetConfig: { fragmentMasking: false },
    config: {
      enumType: 'string-literal',
      importExtension: '.ts',
      scalars: { DateTime: 'string', ID: 'string' },
      strictScalars: true,
      useTypeImports: true,
    },
  };
}

/** The operations that a page shows: its ```graphql blocks that carry no further word. */
function operationsOf(page: string): string[] {
  const text = readFileSync(new URL(page, import.meta.url), 'utf8');
  return [...text.matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

export default config;
