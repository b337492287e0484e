import { type Command, Option } from 'commander';
import { KEPT_SECONDS } from '../accounts/daily-prune.ts';
import { countPrunable, pruneTokens } from '../accounts/prune-tokens.ts';
import { writeDuration } from '../duration.ts';
import { print } from './print.ts';
import { readDuration } from './read-duration.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

interface Options {
  expiredFor: number;
  dryRun?: true;
}

export function addTokenPrune(parent: Command): void {
  parent
    .command('prune')
    .description(
      'Remove tokens that expired long ago, by TOKEN_LIFETIME and TOKEN_IDLE_LIFETIME as they are set here or by an end of their own. Servers do it too, once a day.',
    )
    .addOption(
      new Option('--expired-for <duration>', 'those that expired at least so long ago')
        .argParser(readDuration)
        .default(KEPT_SECONDS, writeDuration(KEPT_SECONDS)),
    )
    .option('--dry-run', 'say how many there are, and remove none')
    .action(async ({ expiredFor, dryRun }: Options) => {
      const expiredAt = new Date(Date.now() - expiredFor * 1000);
      const count = await withDatabase(async ({ database }, { tokenLifetimes: lifetimes }) => {
        const pruning = { expiredAt, lifetimes };
        if (dryRun) return countPrunable(database, pruning);
        let removed = 0;
        for await (const batch of pruneTokens(database, pruning)) removed += batch;
        return removed;
      });
      const what = `${countOf(count, 'token')} that expired at least ${writeDuration(expiredFor)} ago`;
      print(`${dryRun ? 'Would remove' : 'Removed'} ${what}.\n`);
    });
}
