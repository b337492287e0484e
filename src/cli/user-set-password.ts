import type { Command } from 'commander';
import { changePassword } from '../accounts/change-password.ts';
import { validationErrorOf } from '../accounts/failures.ts';
import { newPasswordSchema } from '../accounts/new-password.ts';
import { createPasswords } from '../auth/password.ts';
import { harmless } from './harmless.ts';
import { COMMAND_LINE } from './origin.ts';
import { askPassword } from './password.ts';
import { print } from './print.ts';
import { requireUser } from './require-user.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

interface Options {
  passwordStdin?: boolean;
  keepTokens?: boolean;
}

export function addUserSetPassword(parent: Command): void {
  parent
    .command('set-password')
    .description('Give a user a new password, and end the tokens issued under the old one.')
    .argument('<username>')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .option('--keep-tokens', 'let the keys of the user be good as before')
    .action(async (username: string, { passwordStdin = false, keepTokens = false }: Options) => {
      // Nobody should type a password twice for a name that is misspelt.
      if (!passwordStdin) await withDatabase(({ database }) => requireUser(database, username));
      const asked = await askPassword({ fromStdin: passwordStdin });
      await withDatabase(async ({ database }, config, secrets) => {
        const user = await requireUser(database, username);
        const read = await newPasswordSchema(user).safeParseAsync({ password: asked });
        if (!read.success) throw validationErrorOf(read.error.issues);
        const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
        const revoked = await changePassword(database, passwords, {
          ...read.data,
          userId: user.id,
          keepTokens,
          origin: COMMAND_LINE,
        });
        const tokens = keepTokens ? 'The tokens are kept.' : `Revoked ${countOf(revoked, 'token')}.`;
        print(`Set the password of user ${harmless(user.username)}. ${tokens}\n`);
      });
    });
}
