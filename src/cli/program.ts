import { Command } from 'commander';
import { addAuditPrune } from './audit-prune.ts';
import { addAuditTail } from './audit-tail.ts';
import { addCheck } from './check.ts';
import { addCompletion } from './completion.ts';
import { addConformance } from './conformance.ts';
import { addExplain } from './explain.ts';
import { addKeysList } from './keys-list.ts';
import { addKeysRotate } from './keys-rotate.ts';
import { addMigrate } from './migrate.ts';
import { addSchemaPrint } from './schema-print.ts';
import { addSchemaRules } from './schema-rules.ts';
import { addScopes } from './scopes.ts';
import { addSecretsNew } from './secrets-new.ts';
import { addSecretsRotate } from './secrets-rotate.ts';
import { addServe } from './serve.ts';
import { addTokenBackfill } from './token-backfill.ts';
import { addTokenCreate } from './token-create.ts';
import { addTokenList } from './token-list.ts';
import { addTokenPrune } from './token-prune.ts';
import { addTokenRevoke } from './token-revoke.ts';
import { addUserActivate } from './user-activate.ts';
import { addUserCreate } from './user-create.ts';
import { addUserDeactivate } from './user-deactivate.ts';
import { addUserDelete } from './user-delete.ts';
import { addUserList } from './user-list.ts';
import { addUserSetPassword } from './user-set-password.ts';
import { addUserShow } from './user-show.ts';

/** The command line, whole: what `tessera` runs, and what tells of its commands. */
export function createProgram(): Command {
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
  const audit = program.command('audit').description('See what has happened to accounts and keys.');
  addAuditTail(audit);
  addAuditPrune(audit);
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
  return program;
}
