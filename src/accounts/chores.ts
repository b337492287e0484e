import type { Database } from '../database/client.ts';

/** Work that one server does for all of them, once in a while. */
export interface Chore {
  name: string;
  everySeconds: number;
}

/**
 * Whether this caller is to do the chore now: nobody has begun it for so long. Of many who ask at once one is told so,
 * by a single statement, which holds whatever pooler stands in between.
 */
export async function takeChore(database: Database, { name, everySeconds }: Chore, now: Date): Promise<boolean> {
  const dueSince = new Date(now.getTime() - everySeconds * 1000);
  const taken = await database.$executeRaw`
    INSERT INTO "Chore" AS known ("name", "begunAt") VALUES (${name}, ${now})
        ON CONFLICT ("name") DO UPDATE SET "begunAt" = EXCLUDED."begunAt" WHERE known."begunAt" <= ${dueSince}`;
  return taken === 1;
}
