import type { Command } from 'commander';
import { backfillTokens } from '../accounts/backfill-tokens.ts';
import { countUsers } from '../accounts/users.ts';
import { COMMAND_LINE } from './origin.ts';
import { print } from './print.ts';
import { startProgress } from './progress.ts';
import { EXIT_CODES, stopRequested } from './stop-requested.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

export function addTokenBackfill(parent: Command): void {
  parent
    .command('backfill')
    .description('Give a login token to every user who has none, such as rows inserted by plain SQL.')
    .action(async () => {
      // A second signal loses no more than the batch at hand.
      const stop = stopRequested();
      const { made, taken } = await withDatabase(async ({ database }, { tokenLifetimes: lifetimes }) => {
        const progress = startProgress(await countUsers(database), 'user');
        const options = { lifetimes, now: () => new Date(), origin: COMMAND_LINE };
        const sum = { made: 0, taken: 0 };
        try {
          for await (const batch of backfillTokens(database, options)) {
            sum.made += batch.made;
            sum.taken += batch.taken;
            progress.advance(batch.users, `${sum.made.toLocaleString('en')} made`);
            if (stop.signal) break;
          }
        } finally {
          progress.stop();
        }
        return sum;
      });
      if (stop.signal) {
        process.stderr.write(`Interrupted: ${countOf(made, 'token')} made. Run it again to go on.\n`);
        process.exitCode = EXIT_CODES[stop.signal];
      } else {
        print(summary(made, taken));
      }
    });
}

function summary(made: number, taken: number): string {
  const first = made === 0 ? 'There was no token to make' : `Made ${countOf(made, 'token')}`;
  if (taken === 0) return `${first}: every user has a login token.\n`;
  return `${first}. ${countOf(taken, 'user')} got none, because a token made by hand is named "default".\n`;
}
