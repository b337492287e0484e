import pg from 'pg';
import { openEmbedded } from '../src/database/embedded.ts';

/** A session on the world's database, as psql would have one: past everything that is ours. */
export async function openSession(env: Record<string, string>): Promise<pg.Client> {
  const { DATABASE_URL, DATA_DIR = '' } = env;
  const options = DATABASE_URL
    ? { connectionString: DATABASE_URL }
    : (await openEmbedded({ dataDir: DATA_DIR, mode: 'join' })).poolOptions;
  const session = new pg.Client(options);
  session.on('error', () => {});
  await session.connect();
  return session;
}
