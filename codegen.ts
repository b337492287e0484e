import type { CodegenConfig } from '@graphql-codegen/cli';
import { blocksOf } from './test/clients/blocks.ts';

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
    // As one document: of several, the order in what is made would be codegen's own.
    documents: blocksOf(page, 'graphql')
      .flatMap(({ name, text }) => (name === '' ? [text] : []))
      .join('\n'),
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

export default config;
