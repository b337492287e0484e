import type { Command } from 'commander';
import { print, printJson } from './print.ts';

export function addSchemaRules(parent: Command): void {
  parent
    .command('rules')
    .description('Print what a caller must be to come to each field.')
    .option('--json', 'print a JSON array')
    .action(async ({ json }: { json?: true }) => {
      const [{ schema }, { fieldRules, tableOfFieldRules }] = await Promise.all([
        import('../graphql/schema.ts'),
        import('../graphql/field-rules.ts'),
      ]);
      if (json) printJson(fieldRules(schema));
      else print(tableOfFieldRules(schema));
    });
}
