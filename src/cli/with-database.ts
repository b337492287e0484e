import { type Config, loadConfig, type Secrets } from '../config.ts';
import { type OpenDatabase, openDatabase } from '../database/open.ts';
import { createLog, outputTo } from '../log.ts';

/** Runs a command on the configured database, which is closed again whatever happens. */
export async function withDatabase<Result>(
  run: (open: OpenDatabase, config: Config, secrets: Secrets) => Promise<Result>,
): Promise<Result> {
  const { config, secrets } = loadConfig();
  // A command answers in lines of its own: of what a server would log, errors alone, and beside the answer.
  const logLevel = config.logLevel === 'silent' ? 'silent' : 'error';
  const log = createLog({ ...config, logLevel }, outputTo(2));
  const open = await openDatabase({ config, secrets, log, asServer: false });
  try {
    return await run(open, config, secrets);
  } finally {
    await open.close();
  }
}
