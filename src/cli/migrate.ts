import type { Command } from 'commander';
import { print } from './print.ts';
import { withDatabase } from './with-database.ts';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('Apply the migrations that the database lacks; the server does so by itself when it starts.')
    .action(async () => {
      const applied = await withDatabase(async (open) => open.applied);
      const lines = applied.length > 0 ? applied.map((name) => `Applied ${name}.`) : ['The database is up to date.'];
      print(`${lines.join('\n')}\n`);
    });
}
