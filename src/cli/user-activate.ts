import type { Command } from 'commander';
import { countTokensOf } from '../accounts/tokens.ts';
import { setActive } from '../accounts/users.ts';
import { harmless } from './harmless.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { requireUser } from './require-user.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

export function addUserActivate(parent: Command): void {
  parent
    .command('activate')
    .description('Let a user in again, by password and by the tokens that are there.')
    .argument('<username>')
    .action(async (username: string) => {
      await withDatabase(async ({ database }) => {
        const user = await requireUser(database, username);
        const name = harmless(user.username);
        const isChanged = await setActive(database, { userId: user.id, isActive: true }, COMMAND_LINE);
        const tokens = countOf(await countTokensOf(database, user.id), 'token');
        print(
          isChanged
            ? `Activated user ${name}: the password and the keys (${tokens}) are accepted again.\n`
            : `User ${name} is active already. Nothing was changed.\n`,
        );
      });
    });
}
