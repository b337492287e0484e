import type { Command } from 'commander';
import { backfillTokens } from '../accounts/backfill-tokens.ts';
import { countUsers } from '../accounts/users.ts';
import { print } from './print.ts';
import { startProgress } from './progress.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

/** What shells report of a process that a signal ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };

type StopSignal = keyof typeof EXIT_CODES;

export function addTokenBackfill(parent: Command): void {
  parent
    .command('backfill')
    .description('Give a login token to every user who has none, such as rows inserted by plain SQL.')
    .action(async () => {
      const stop = stopRequested();
      const { made, taken } = await withDatabase(async ({ database }, { tokenLifetimes }) => {
        const progress = startProgress(await countUsers(database), 'user');
        const sum = { made: 0, taken: 0 };
        try {
          for await (const batch of backfillTokens(database, tokenLifetimes, () => new Date())) {
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

/** Notes the first signal to stop; the second ends the process at once, which loses no more than the batch at hand. */
function stopRequested(): { signal: StopSignal | null } {
  const request: { signal: StopSignal | null } = { signal: null };
  function note(signal: NodeJS.Signals): void {
    if (request.signal) process.exit(EXIT_CODES[request.signal]);
    request.signal = signal as StopSignal;
  }
  process.on('SIGINT', note).on('SIGTERM', note);
  return request;
}

function summary(made: number, taken: number): string {
  const first = made === 0 ? 'There was no token to make' : `Made ${countOf(made, 'token')}`;
  if (taken === 0) return `${first}: every user has a login token.\n`;
  return `${first}. ${countOf(taken, 'user')} got none, because a token made by hand is named "default".\n`;
}
