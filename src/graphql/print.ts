import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { tableOfFieldRules } from './field-rules.ts';
import { schema } from './schema.ts';

/** The SDL as schema/schema.graphql keeps it: sorted, with directives, ending in a newline. */
export function printPublicSchema(): string {
  return `${printSchemaWithDirectives(schema)}\n`;
}

/** The rule of every field, as schema/field-rules.md keeps it. */
export function printFieldRules(): string {
  return tableOfFieldRules(schema);
}
