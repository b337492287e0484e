import { type Command, InvalidArgumentError, Option } from 'commander';
import { issueToken, tooManyTokens } from '../accounts/issue-token.ts';
import { obtainLoginToken } from '../accounts/login-token.ts';
import { readNewToken } from '../accounts/new-token.ts';
import { findLiveToken, type TokenRules } from '../accounts/tokens.ts';
import { findUser } from '../accounts/users.ts';
import { keyOf } from '../auth/key.ts';
import { EVERY_SCOPE, scopesInWords } from '../auth/scope.ts';
import { loadConfig, tokenRulesOf } from '../config.ts';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import type { Token } from '../database/generated/prisma/client.ts';
import type { Origin } from '../database/origin.ts';
import { DURATION_RULE, parseDuration } from '../duration.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { withDatabase } from './with-database.ts';

interface Options {
  name: string;
  scope?: string[];
  for?: string[];
  expires?: Date;
  reset: boolean;
}

interface Owner {
  userId: string;
  rules: TokenRules;
  now: Date;
  origin: Origin;
}

export function addTokenCreate(parent: Command): void {
  parent
    .command('create')
    .description('Print the key of a user’s login token or, with --name, of a new token made by hand.')
    .argument('<username>')
    .option('--name <name>', 'what the token is for; its key is shown this once', LOGIN_TOKEN_NAME)
    .option('--scope <scope>', 'with --name: what it may do, such as account:read; again for another', collect)
    .addOption(
      new Option(
        '--for <files>',
        'with --name: all that the operations of this file, folder or quoted glob need; again for another',
      )
        .argParser(collect)
        .conflicts('scope'),
    )
    .option('--expires <when>', 'with --name: when it ends, such as 30d or 2030-01-31T12:00:00Z', readInstant)
    .option('--reset', 'replace the token of this name: its key is dead from then on', false)
    .action(async (username: string, options: Options, command: Command) => {
      const isLogin = options.name === LOGIN_TOKEN_NAME;
      if (isLogin && (options.scope || options.for || options.expires)) {
        const what = options.for ? '--for is' : '--scope and --expires are';
        command.error(`error: ${what} for tokens made by hand: give it a --name of its own`);
      }
      if (options.for) options.scope = await scopesFor(options.for);
      const token = await withDatabase(async ({ database, tokenSecrets }, config) => {
        const user = await findUser(database, username);
        const owner = user && { userId: user.id, rules: tokenRulesOf(config), now: new Date(), origin: COMMAND_LINE };
        const made =
          owner && (isLogin ? await loginToken(database, owner, options) : await newToken(database, owner, options));
        if (!made) throw new OperatorError(`Cannot create the Token: user ${username} does not exist`);
        print(`Generated token ${keyOf(made, tokenSecrets)} for user ${harmless(user.username)}\n`);
        return made;
      });
      if (!isLogin) process.stderr.write(termsOf(token));
    });
}

async function loginToken(database: Database, owner: Owner, { name, reset }: Options): Promise<Token | null> {
  if (!reset) return obtainLoginToken(database, { ...owner, name });
  const draft = { userId: owner.userId, kind: 'LOGIN' as const, name, scopes: [EVERY_SCOPE], expiresAt: null };
  return (await issueToken(database, draft, { ...owner, isReplacing: true })).token;
}

async function newToken(database: Database, owner: Owner, options: Options): Promise<Token | null> {
  const { name, scope: scopes = [EVERY_SCOPE], expires: expiresAt, reset: isReplacing } = options;
  const knownScopes = options.scope ? await findScopes() : [];
  checkTerms(options, { knownScopes, now: owner.now });
  const fields = readNewToken({ name, scopes, expiresAt }, { knownScopes, now: owner.now, until: null });
  await checkName(database, owner, fields.name);
  const draft = { userId: owner.userId, kind: 'API' as const, ...fields };
  const issue = await issueToken(database, draft, { ...owner, isReplacing });
  if (issue.token || issue.refusal === 'no-user') return issue.token;
  if (issue.refusal === 'no-place') throw tooManyTokens(owner.rules);
  const found = await findLiveToken(database, { ...owner, name });
  throw new OperatorError(
    `The user has a token named ${JSON.stringify(name)}${found ? ` since ${found.createdAt.toISOString()}` : ''}. ` +
      'Its key is not shown again: choose another --name, or replace it with --reset.',
  );
}

function checkTerms(
  { scope = [], expires }: Options,
  { knownScopes, now }: { knownScopes: string[]; now: Date },
): void {
  const known = [EVERY_SCOPE, ...knownScopes];
  const unknown = scope.find((each) => !known.includes(each));
  if (unknown !== undefined) {
    throw new OperatorError(`--scope must be one of ${known.join(', ')} (got ${JSON.stringify(unknown)}).`);
  }
  if (expires && expires <= now) {
    throw new OperatorError(`--expires must be in the future (got ${expires.toISOString()}).`);
  }
}

/** A token made by hand in a login token's place, --reset or not, would refuse every later login by that name. */
async function checkName(database: Database, owner: Owner, name: string): Promise<void> {
  const found = await findLiveToken(database, { ...owner, name });
  if (found?.kind !== 'LOGIN') return;
  throw new OperatorError(`A login token has the name ${JSON.stringify(name)}: choose another --name.`);
}

/** What the operations of these files need; where there is a choice, what is least and comes first, and so it is said. */
async function scopesFor(files: readonly string[]): Promise<string[]> {
  const { scopesOfFiles } = await import('./scopes-of-files.ts');
  const { scopes } = await scopesOfFiles(files, loadConfig().config.registration);
  const [least = []] = scopes.toSorted((a, b) => a.length - b.length);
  if (scopes.length > 1) {
    process.stderr.write(`Enough would be ${scopesInWords(scopes)}. Taken: ${scopesInWords([least])}.\n`);
  }
  return least;
}

// Loaded when it is wanted: scopes are declared beside the fields that ask for them, and all of GraphQL comes with them.
async function findScopes(): Promise<string[]> {
  await import('../graphql/schema.ts');
  const { declaredScopes } = await import('../graphql/scopes.ts');
  return declaredScopes().map(({ name }) => name);
}

function termsOf({ scopes, expiresAt }: Token): string {
  const terms = [`scopes: ${scopes.join(' ') || 'none'}`, `expires: ${expiresAt?.toISOString() ?? 'never'}`];
  return `${terms.join('; ')}\n`;
}

function collect(value: string, others: string[] = []): string[] {
  return [...others, value];
}

function readInstant(text: string): Date {
  const seconds = parseDuration(text);
  const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text);
  const instant =
    seconds !== undefined ? new Date(Date.now() + seconds * 1000) : new Date(isInstant ? text : Number.NaN);
  if (Number.isNaN(instant.getTime())) {
    throw new InvalidArgumentError(`It must be ${DURATION_RULE}, or an instant such as 2030-01-31T12:00:00Z.`);
  }
  return instant;
}
