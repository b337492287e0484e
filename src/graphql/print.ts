import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { schema } from './schema.ts';

/** The SDL as schema/schema.graphql keeps it: sorted, with directives, ending in a newline. */
export function printPublicSchema(): string {
  return `${printSchemaWithDirectives(schema)}\n`;
}
