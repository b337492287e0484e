import { type Command, Option } from 'commander';
import { countPrunableEvents, pruneAudit } from '../accounts/prune-audit.ts';
import { LEAST_RETENTION_SECONDS } from '../config/schema.ts';
import { writeDuration } from '../duration.ts';
import { OperatorError } from '../errors.ts';
import { print } from './print.ts';
import { readDuration } from './read-duration.ts';
import { withDatabase } from './with-database.ts';
import { countOf } from './words.ts';

interface Options {
  olderThan?: number;
  dryRun?: true;
}

export function addAuditPrune(parent: Command): void {
  parent
    .command('prune')
    .description('Remove old events of the audit trail. Servers do it too, once a day, by AUDIT_RETENTION.')
    .addOption(
      new Option('--older-than <duration>', 'those that happened so long ago (default: AUDIT_RETENTION)').argParser(
        readDuration,
      ),
    )
    .option('--dry-run', 'say how many there are, and remove none')
    .action(async ({ olderThan, dryRun }: Options) => {
      await withDatabase(async ({ database }, { auditRetentionSeconds }) => {
        const seconds = olderThan ?? auditRetentionSeconds;
        if (seconds === null) throw new OperatorError('AUDIT_RETENTION is none: say by --older-than what is to go.');
        if (seconds < LEAST_RETENTION_SECONDS) {
          throw new OperatorError(
            `--older-than must be at least 7d (got ${writeDuration(seconds)}): the rest is kept.`,
          );
        }
        const before = new Date(Date.now() - seconds * 1000);
        let count = 0;
        if (dryRun) count = await countPrunableEvents(database, before);
        else for await (const batch of pruneAudit(database, before)) count += batch;
        const what = `${countOf(count, 'event')} older than ${writeDuration(seconds)}`;
        print(`${dryRun ? 'Would remove' : 'Removed'} ${what}.\n`);
      });
    });
}
