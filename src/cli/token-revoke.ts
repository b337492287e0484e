import type { Command } from 'commander';
import { endToken, endTokensOf } from '../accounts/revoke-tokens.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { requireUser } from './require-user.ts';
import { readTokenId } from './token-id.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

interface Options {
  user?: string;
  name?: string;
}

export function addTokenRevoke(parent: Command): void {
  parent
    .command('revoke')
    .description('End tokens, by their ids or by whose they are: their keys are refused from then on.')
    .argument('[ids...]', 'as "npx tessera token list" and the API show them')
    .option('--user <username>', 'all tokens of this user')
    .option('--name <name>', 'with --user: the one of this name alone')
    .action(async (ids: string[], { user, name }: Options, command: Command) => {
      if (user === undefined ? name !== undefined || ids.length === 0 : ids.length > 0) {
        command.error(
          'error: name tokens by their ids, or by --user <username> and, if one alone is meant, --name <name>',
        );
      }
      if (user === undefined) await revokeByIds(ids);
      else await revokeOfUser(user, name);
    });
}

async function revokeByIds(globalIds: string[]): Promise<void> {
  const ids = globalIds.map((globalId) => ({ globalId, id: readTokenId(globalId) }));
  const unknown = await withDatabase(async ({ database }) => {
    const missing: string[] = [];
    for (const { globalId, id } of ids) {
      const token = await endToken(database, id, COMMAND_LINE);
      if (token) print(`Revoked token "${harmless(token.name)}" of user ${harmless(token.user.username)}.\n`);
      else missing.push(globalId);
    }
    return missing;
  });
  // Said last: of many keys that must die, one that is dead already must not keep the others alive.
  if (unknown.length > 0) throw new OperatorError(`There is no token ${unknown.join(', ')}: revoked already?`);
}

async function revokeOfUser(username: string, name: string | undefined): Promise<void> {
  await withDatabase(async ({ database }) => {
    const user = await requireUser(database, username);
    const count = await endTokensOf(database, { userId: user.id, name }, COMMAND_LINE);
    if (name !== undefined && count === 0) {
      throw new OperatorError(
        `User ${harmless(user.username)} has no token named "${harmless(name)}". "npx tessera token list" shows them.`,
      );
    }
    print(`Revoked ${countOf(count, 'token')} of user ${harmless(user.username)}.\n`);
  });
}
