import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { autoToken } from './auto-token.ts';
import { PrismaClient } from './generated/prisma/client.ts';
import { type NoteQuery, reads } from './reads.ts';

export type Database = ReturnType<typeof createClient>;

/** Prisma on this pool, by which every user made gets a login token in the same write. */
export function createClient(pool: pg.Pool, onQuery?: NoteQuery) {
  const client = new PrismaClient({
    adapter: new PrismaPg(pool),
    log: [{ emit: 'event', level: 'query' }],
    // Longer messages quote the code and the values of the call: nothing for a log.
    errorFormat: 'minimal',
  });
  if (onQuery) client.$on('query', ({ query, duration }) => onQuery(query, duration));
  return client.$extends(autoToken()).$extends(reads(pool, onQuery));
}
