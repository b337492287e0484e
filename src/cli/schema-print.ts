import type { Command } from 'commander';

export function addSchemaPrint(parent: Command): void {
  parent
    .command('print')
    .description('Print the GraphQL schema.')
    .action(async () => {
      const { printPublicSchema } = await import('../graphql/print.ts');
      process.stdout.write(printPublicSchema());
    });
}
