import { pino } from 'pino';
import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database/open.ts';

/** What a statement of plain SQL answers on the database that these variables name, whoever has it open. */
export async function sql<Row = unknown>(env: Record<string, string>, statement: string): Promise<Row[]> {
  const { config, secrets } = readConfig(env);
  const open = await openDatabase({ config, secrets, log: pino({ level: 'silent' }), asServer: false });
  try {
    return await open.database.$queryRawUnsafe<Row[]>(statement);
  } finally {
    await open.close();
  }
}
