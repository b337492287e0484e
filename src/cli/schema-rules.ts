import type { Command } from 'commander';

export function addSchemaRules(parent: Command): void {
  parent
    .command('rules')
    .description('Print what a caller must be to come to each field.')
    .action(async () => {
      const { printFieldRules } = await import('../graphql/print.ts');
      process.stdout.write(printFieldRules());
    });
}
