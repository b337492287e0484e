import { type Command, Option } from 'commander';
import { findUserPage } from '../accounts/user-pages.ts';
import { asListing, type ListingOptions, printListing } from './listing.ts';
import { roleOf, userJson } from './user-json.ts';
import { withDatabase } from './with-database.ts';
import { instant } from './words.ts';

interface Options extends ListingOptions {
  search?: string;
  active?: true;
  inactive?: true;
  staff?: true;
  superuser?: true;
}

export function addUserList(parent: Command): void {
  const command = parent
    .command('list')
    .description('List users in the order of their names.')
    .option('--search <text>', 'whose username or e-mail contains this, in any case')
    .addOption(new Option('--active', 'who may sign in').conflicts('inactive'))
    .option('--inactive', 'who may not')
    .option('--staff', 'who may administer others')
    .option('--superuser', 'who may do everything');
  asListing(command, { after: 'begin behind this username' }).action(async (options: Options) => {
    const filter = {
      search: options.search,
      isActive: options.active ?? (options.inactive && false),
      isStaff: options.staff,
      isSuperuser: options.superuser,
    };
    const page = await withDatabase(({ database }) => findUserPage(database, filter, options));
    printListing({
      noun: 'user',
      page,
      options,
      columns: {
        USERNAME: ({ username }) => username,
        EMAIL: ({ email }) => email ?? '-',
        ACTIVE: ({ isActive }) => (isActive ? 'yes' : 'no'),
        ROLE: roleOf,
        'DATE JOINED': ({ dateJoined }) => instant(dateJoined),
        'LAST LOGIN': ({ lastLogin }) => instant(lastLogin),
      },
      json: userJson,
      command: ['user', 'list', ...filterWords(options)],
      cursor: ({ username }) => username,
    });
  });
}

function filterWords({ search, ...options }: Options): string[] {
  const flags = (['active', 'inactive', 'staff', 'superuser'] as const).filter((flag) => options[flag]);
  return [...(search === undefined ? [] : ['--search', search]), ...flags.map((flag) => `--${flag}`)];
}
