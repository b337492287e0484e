import { pino } from 'pino';
import type { Config } from '../config.ts';
import type { Database } from '../database/client.ts';
import { readMigrationState } from '../database/migrate.ts';
import { MIGRATIONS, openToRead } from '../database/open.ts';
import { OperatorError } from '../errors.ts';

/** An open database that the command does not change. */
export interface LookedInto {
  database: Database;
  close(): Promise<void>;
}

/**
 * The configured database for a command that only asks. Throws OperatorError when it is not there, or lacks migrations:
 * to apply them is for the server and for `tessera migrate`.
 */
export async function lookIn(config: Config): Promise<LookedInto> {
  const open = await openToRead(config, pino({ level: 'silent' }));
  if (open === null) {
    throw new OperatorError(`There is no database in DATA_DIR ${config.dataDir} yet. Start the server once.`);
  }
  try {
    const { pending } = await readMigrationState(open.pool, MIGRATIONS);
    if (pending.length === 0) return open;
    const names = pending.map(({ name }) => name).join(', ');
    throw new OperatorError(
      `The database lacks migrations (${names}). Start the server, or run \`npx tessera migrate\`.`,
    );
  } catch (error) {
    await open.close();
    throw error;
  }
}
