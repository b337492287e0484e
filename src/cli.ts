#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { addCheck } from './cli/check.ts';
import { addCompletion } from './cli/completion.ts';
import { addConformance } from './cli/conformance.ts';
import { exitWithError } from './cli/exit.ts';
import { addExplain } from './cli/explain.ts';
import { addKeysList } from './cli/keys-list.ts';
import { addKeysRotate } from './cli/keys-rotate.ts';
import { addMigrate } from './cli/migrate.ts';
import { addSchemaPrint } from './cli/schema-print.ts';
import { addSchemaRules } from './cli/schema-rules.ts';
import { addScopes } from './cli/scopes.ts';
import { addSecretsNew } from './cli/secrets-new.ts';
import { addSecretsRotate } from './cli/secrets-rotate.ts';
import { addServe } from './cli/serve.ts';
import { addTokenBackfill } from './cli/token-backfill.ts';
import { addTokenCreate } from './cli/token-create.ts';
import { addTokenList } from './cli/token-list.ts';
import { addTokenPrune } from './cli/token-prune.ts';
import { addTokenRevoke } from './cli/token-revoke.ts';
import { addUserActivate } from './cli/user-activate.ts';
import { addUserCreate } from './cli/user-create.ts';
import { addUserDeactivate } from './cli/user-deactivate.ts';
import { addUserDelete } from './cli/user-delete.ts';
import { addUserList } from './cli/user-list.ts';
import { addUserSetPassword } from './cli/user-set-password.ts';
import { addUserShow } from './cli/user-show.ts';

const USAGE_ERROR = 2;

const program = new Command('tessera')
  .description('Token authentication for GraphQL APIs. Configured by environment variables and a .env file.')
  .exitOverride();

addServe(program);
addMigrate(program);
addCheck(program);
addExplain(program);
const user = program.command('user').description('Manage users.');
addUserCreate(user);
addUserList(user);
addUserShow(user);
addUserSetPassword(user);
addUserActivate(user);
addUserDeactivate(user);
addUserDelete(user);
const token = program.command('token').description('Manage tokens.');
addTokenCreate(token);
addTokenList(token);
addTokenRevoke(token);
addTokenBackfill(token);
addTokenPrune(token);
const secrets = program.command('secrets').description('Make and rotate the secrets that keys are derived from.');
addSecretsNew(secrets);
addSecretsRotate(secrets);
const keys = program.command('keys').description('Manage the keys that access tokens are signed with.');
addKeysList(keys);
addKeysRotate(keys);
const schema = program.command('schema').description('See the public contract.');
addSchemaPrint(schema);
addSchemaRules(schema);
addScopes(program);
addConformance(program);
addCompletion(program);

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what is wrong; asking for help is not.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : USAGE_ERROR);
  exitWithError(error);
}
