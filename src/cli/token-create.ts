import type { Command } from 'commander';
import { tokenNameSchema } from '../accounts/login.ts';
import { findLiveToken, makeToken, obtainLoginToken, replaceToken, type TokenRules } from '../accounts/tokens.ts';
import { findUser } from '../accounts/users.ts';
import { keyOf } from '../auth/key.ts';
import { tokenRulesOf } from '../config.ts';
import type { Database } from '../database/client.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';
import { print } from './print.ts';
import { withDatabase } from './with-database.ts';

interface Owner {
  userId: string;
  rules: TokenRules;
}

interface Options {
  name?: string;
  reset?: true;
}

export function addTokenCreate(parent: Command): void {
  parent
    .command('create')
    .description('Print the key of a user’s login token or, with --name, of a new token made by hand.')
    .argument('<username>')
    .option('--name <name>', 'what the token is for; its key is shown this once')
    .option('--reset', 'replace the token of this name: its key is dead from then on')
    .action(async (username: string, options: Options) => {
      await withDatabase(async ({ database, tokenSecrets }, config) => {
        const user = await findUser(database, username);
        if (!user) throw new OperatorError(`Cannot create the Token: user ${username} does not exist`);
        const token = await createToken(database, { userId: user.id, rules: tokenRulesOf(config) }, options);
        print(`Generated token ${keyOf(token, tokenSecrets)} for user ${harmless(user.username)}\n`);
      });
    });
}

async function createToken(database: Database, owner: Owner, { name = 'default', reset }: Options) {
  const read = tokenNameSchema.safeParse(name);
  if (!read.success) throw new OperatorError(`--name ${read.error.issues[0]?.message}`);
  const asked = { ...owner, name, now: new Date() };
  const isLogin = name === 'default';
  if (reset) return replaceToken(database, asked, isLogin ? 'LOGIN' : 'API');
  if (isLogin) return obtainLoginToken(database, asked);
  const made = await makeToken(database, asked, 'API');
  if (made) return made;
  const found = await findLiveToken(database, asked);
  throw new OperatorError(
    `The user has a token named ${JSON.stringify(name)}${found ? ` since ${found.createdAt.toISOString()}` : ''}. ` +
      'Its key is not shown again: choose another --name, or replace it with --reset.',
  );
}
