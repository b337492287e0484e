import type { Command } from 'commander';
import { countTokensOf } from '../accounts/tokens.ts';
import { deleteUser } from '../accounts/users.ts';
import { confirm } from './confirm.ts';
import { harmless } from './harmless.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { requireUser } from './require-user.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

export function addUserDelete(parent: Command): void {
  parent
    .command('delete')
    .description('End a user and all the tokens of the user; nothing brings them back.')
    .argument('<username>')
    .option('--yes', 'do not ask whether it is meant')
    .action(async (username: string, { yes }: { yes?: true }) => {
      if (!yes) await confirm(await questionAbout(username));
      await withDatabase(async ({ database }) => {
        const user = await requireUser(database, username);
        const tokens = (await deleteUser(database, user.id, COMMAND_LINE)) ?? 0;
        print(`Deleted user ${harmless(user.username)}, and ${countOf(tokens, 'token')} with it.\n`);
      });
    });
}

// The database is closed again while a person thinks: on an embedded one nobody else could open it.
function questionAbout(username: string): Promise<string> {
  return withDatabase(async ({ database }) => {
    const user = await requireUser(database, username);
    const tokens = countOf(await countTokensOf(database, user.id), 'token');
    return `Delete user ${harmless(user.username)}${user.email ? ` (${harmless(user.email)})` : ''} and ${tokens}?`;
  });
}
