import type { Command } from 'commander';
import { countTokensOf } from '../accounts/tokens.ts';
import { setActive } from '../accounts/users.ts';
import { harmless } from './harmless.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { requireUser } from './require-user.ts';
import { withDatabase } from './with-database.ts';
import { countOf, shellWord } from './words.ts';

export function addUserDeactivate(parent: Command): void {
  parent
    .command('deactivate')
    .description('Keep a user out: the password and every key are refused until the user is activated again.')
    .argument('<username>')
    .action(async (username: string) => {
      await withDatabase(async ({ database }) => {
        const user = await requireUser(database, username);
        const name = harmless(user.username);
        const isChanged = await setActive(database, { userId: user.id, isActive: false }, COMMAND_LINE);
        const tokens = countOf(await countTokensOf(database, user.id), 'token');
        print(
          isChanged
            ? `Deactivated user ${name}: the password and the keys are refused from now on. ` +
                `The tokens are kept (${tokens}); to bring them back: npx tessera user activate ${shellWord(user.username)}\n`
            : `User ${name} is inactive already. Nothing was changed.\n`,
        );
      });
    });
}
