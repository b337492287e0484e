import { type Command, Option } from 'commander';
import { findKeptKeys, rotateSigningKey } from '../database/signing-keys.ts';
import { countsUntil, PUBLISHED_AHEAD_SECONDS } from '../kept-keys.ts';
import { confirm } from './confirm.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { requireKeptKeys } from './require-kept-keys.ts';
import { withDatabase } from './with-database.ts';

const HELP = `
Without an option the new key is published at once and signs ${PUBLISHED_AHEAD_SECONDS / 60} minutes later, so that services which keep the
key set have it by then. Older keys are listed until what they have signed has expired.`;

export function addKeysRotate(parent: Command): void {
  parent
    .command('rotate')
    .description('Make the next key that access tokens are signed with.')
    .option('--now', 'let it sign at once')
    .addOption(
      new Option('--revoke', 'let it sign at once, and end every other key with all that it has signed').conflicts(
        'now',
      ),
    )
    .option('--yes', 'do not ask whether --revoke is meant')
    .addHelpText('after', HELP)
    .action(async ({ now: isAtOnce, revoke, yes }: { now?: true; revoke?: true; yes?: true }) => {
      if (revoke && !yes) await confirm('End every signing key there is, and every access token with it?');
      await withDatabase(async ({ database, tokenSecrets }, config, secrets) => {
        requireKeptKeys(config, secrets);
        const now = new Date();
        const keys = await findKeptKeys(database, tokenSecrets);
        const read = { keys, accessLifetimeSeconds: config.jwt.accessLifetimeSeconds };
        const over = keys.filter((_key, place) => (countsUntil(read, place) ?? now) < now).map(({ id }) => id);
        const isFirst = keys.length === 0;
        const ahead = isAtOnce || revoke || isFirst ? 0 : PUBLISHED_AHEAD_SECONDS;
        const signsFrom = new Date(now.getTime() + ahead * 1000);
        const dropped = revoke ? 'all' : over;
        const id = await rotateSigningKey(database, tokenSecrets, { now, signsFrom, dropped, origin: COMMAND_LINE });
        const when = ahead === 0 ? 'signs from now on' : `signs from ${signsFrom.toISOString()} on`;
        print(`Made key ${id}, which ${when}.\n`);
        if (revoke) print('Every other key is gone, and what it has signed is refused from now on.\n');
      });
    });
}
