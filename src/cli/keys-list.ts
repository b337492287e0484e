import type { Command } from 'commander';
import { findKeptKeys } from '../database/signing-keys.ts';
import { countsUntil } from '../kept-keys.ts';
import { print, printJson } from './print.ts';
import { requireKeptKeys } from './require-kept-keys.ts';
import { CUT, table, terminalColumns } from './table.ts';
import { withDatabase } from './with-database.ts';
import { instant } from './words.ts';

export function addKeysList(parent: Command): void {
  parent
    .command('list')
    .description('List the keys that access tokens are signed with; their private halves are never shown.')
    .option('--json', 'print them as JSON')
    .action(async ({ json }: { json?: true }) => {
      const rows = await withDatabase(async ({ database, tokenSecrets }, config, secrets) => {
        requireKeptKeys(config, secrets);
        const now = new Date();
        const keys = await findKeptKeys(database, tokenSecrets);
        const read = { keys, accessLifetimeSeconds: config.jwt.accessLifetimeSeconds };
        return keys.map((key, place) => {
          const countsUntilAt = countsUntil(read, place);
          const isNext = key.signsFrom > now;
          const isOver = countsUntilAt !== null && countsUntilAt <= now;
          const signs = !isNext && !keys.slice(place + 1).some(({ signsFrom }) => signsFrom <= now);
          const state = isNext ? 'next' : signs ? 'signing' : isOver ? 'over' : 'verifying';
          return { kid: key.id, state, createdAt: key.createdAt, signsFrom: key.signsFrom, countsUntil: countsUntilAt };
        });
      });
      if (json) printJson(rows);
      else {
        const cells = rows.map((row) => [
          row.kid,
          row.state,
          instant(row.createdAt),
          instant(row.signsFrom),
          instant(row.countsUntil),
        ]);
        const made = table(
          ['KID', 'STATE', 'CREATED', 'SIGNS FROM', 'COUNTS UNTIL'],
          cells,
          terminalColumns(process.stdout),
        );
        print(made.text);
        if (made.isCut) process.stderr.write(`${CUT}\n`);
      }
    });
}
