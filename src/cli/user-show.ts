import type { Command } from 'commander';
import { countTokensOf } from '../accounts/tokens.ts';
import { harmless } from './harmless.ts';
import { print, printJson } from './print.ts';
import { requireUser } from './require-user.ts';
import { userJson } from './user-json.ts';
import { withDatabase } from './with-database.ts';

export function addUserShow(parent: Command): void {
  parent
    .command('show')
    .description('Show all that is known of a user.')
    .argument('<username>')
    .option('--json', 'print a JSON object')
    .action(async (username: string, { json }: { json?: true }) => {
      const shown = await withDatabase(async ({ database }) => {
        const user = await requireUser(database, username);
        const hasPassword = user.passwordHash !== null;
        return { ...userJson(user), hasPassword, tokenCount: await countTokensOf(database, user.id) };
      });
      if (json) printJson(shown);
      else print(lines(shown));
    });
}

function lines(shown: Record<string, string | number | boolean | Date | null>): string {
  const labels = Object.keys(shown).map((name) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
  const width = Math.max(...labels.map(({ length }) => length));
  return Object.values(shown)
    .map((value, index) => `${(labels[index] ?? '').padEnd(width)}  ${harmless(wordFor(value))}\n`)
    .join('');
}

function wordFor(value: string | number | boolean | Date | null): string {
  if (value === null) return '-';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}
