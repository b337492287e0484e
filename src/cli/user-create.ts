import type { Command } from 'commander';
import { UsernameTakenError, validationErrorOf } from '../accounts/failures.ts';
import { newUserSchema } from '../accounts/new-user.ts';
import { createUser, findUser } from '../accounts/users.ts';
import { createPasswords } from '../auth/password.ts';
import type { Database } from '../database/client.ts';
import { COMMAND_LINE } from './origin.ts';
import { askPassword } from './password.ts';
import { print } from './print.ts';
import { withDatabase } from './with-database.ts';

interface Options {
  email?: string;
  staff?: true;
  superuser?: true;
  passwordStdin?: true;
}

export function addUserCreate(parent: Command): void {
  parent
    .command('create')
    .description('Make a user, and the login token that belongs to it.')
    .argument('<username>')
    .option('--email <email>', 'where to write to the user')
    .option('--staff', 'may administer others')
    .option('--superuser', 'may do everything; is staff too')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .action(async (username: string, { email, staff, superuser, passwordStdin }: Options) => {
      // Nobody should type a password twice for a name that is taken.
      if (!passwordStdin) await withDatabase(({ database }) => refuseTakenName(database, username));
      const password = await askPassword({ fromStdin: passwordStdin ?? false });
      const read = await newUserSchema.safeParseAsync({ username, password, email });
      if (!read.success) throw validationErrorOf(read.error.issues);
      const standing = { isStaff: Boolean(staff ?? superuser), isSuperuser: Boolean(superuser) };
      const made = await withDatabase((open, config, secrets) => {
        const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
        return createUser(open.database, passwords, read.data, { ...standing, origin: COMMAND_LINE });
      });
      print(`Created ${superuser ? 'superuser' : 'user'} ${made.user.username}.\n`);
    });
}

async function refuseTakenName(database: Database, username: string): Promise<void> {
  if (await findUser(database, username)) throw new UsernameTakenError();
}
