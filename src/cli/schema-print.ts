import type { Command } from 'commander';
import { print } from './print.ts';

export function addSchemaPrint(parent: Command): void {
  parent
    .command('print')
    .description('Print the GraphQL schema.')
    .action(async () => {
      const { printPublicSchema } = await import('../graphql/print.ts');
      print(printPublicSchema());
    });
}
