import type { Command } from 'commander';
import { findTokenPage, type ListedToken } from '../accounts/token-pages.ts';
import { expiryOf, type TokenLifetimes } from '../auth/expiry.ts';
import { OperatorError } from '../errors.ts';
import { globalIdOf } from '../graphql/global-id.ts';
import { asListing, type ListingOptions, printListing } from './listing.ts';
import { requireUser } from './require-user.ts';
import { readTokenId } from './token-id.ts';
import { withDatabase } from './with-database.ts';
import { day, instant } from './words.ts';

export function addTokenList(parent: Command): void {
  const command = parent
    .command('list')
    .description('List the tokens of a user, or of everybody in the order of usernames; keys are never shown.')
    .argument('[username]');
  const listing = asListing(command, { after: 'begin behind the token of this id' });
  listing.action(async (username: string | undefined, options: ListingOptions) => {
    const after = options.after === undefined ? undefined : readTokenId(options.after);
    const { page, lifetimes } = await withDatabase(async ({ database }, { tokenLifetimes }) => {
      const userId = username === undefined ? undefined : (await requireUser(database, username)).id;
      const found = await findTokenPage(database, { userId }, { limit: options.limit, after });
      return { page: found, lifetimes: tokenLifetimes };
    });
    if (!page) throw new OperatorError('There is no token of the id that --after names. List again without --after.');
    printListing<ListedToken>({
      noun: 'token',
      page,
      options,
      columns: {
        USER: ({ user }) => user.username,
        NAME: ({ name, supersededAt }) => (supersededAt ? `${name} (superseded)` : name),
        KIND: ({ kind }) => kind,
        CREATED: ({ createdAt }) => day(createdAt),
        EXPIRES: (token) => instant(expiryOf(token, lifetimes)),
        SCOPES: ({ scopes }) => scopes.join(' ') || '-',
        ID: idOf,
      },
      json: (token) => tokenJson(token, lifetimes),
      command: ['token', 'list', ...(username === undefined ? [] : [username])],
      cursor: idOf,
    });
  });
}

function idOf({ id }: { id: string }): string {
  return globalIdOf('Token', id);
}

function tokenJson({ user, ...token }: ListedToken, lifetimes: TokenLifetimes) {
  const { name, kind, scopes, createdAt, lastUsedAt, supersededAt } = token;
  return {
    id: idOf(token),
    name,
    kind,
    scopes,
    createdAt,
    expiresAt: expiryOf(token, lifetimes),
    lastUsedAt,
    supersededAt,
    user: { id: globalIdOf('User', user.id), username: user.username },
  };
}
