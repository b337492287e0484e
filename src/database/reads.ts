import { Prisma } from '@prisma/client/extension';
import pg from 'pg';

/** Told each statement that the database has answered, and how long that took. */
export type NoteQuery = (sql: string, durationMs: number) => void;

/**
 * A Prisma client extension: `$read`, for the few reads that requests wait for. One statement straight on the pool, past
 * what Prisma plans and converts around it, which takes several times as long as the driver does. It is never part of a
 * transaction, wherever it is called. An instant that no Date can be, or after the year 9999, is an invalid Date, as
 * Prisma has it: what expires then is no good.
 */
export function reads(pool: pg.Pool, onQuery: NoteQuery | undefined) {
  return Prisma.defineExtension({
    name: 'reads',
    client: {
      async $read<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
        const from = performance.now();
        try {
          const query = { text, values: values as unknown[], types: { getTypeParser } };
          return (await pool.query<Row & pg.QueryResultRow>(query)).rows;
        } finally {
          onQuery?.(text, performance.now() - from);
        }
      },
    },
  });
}

type TypeParser = (text: string) => unknown;

function getTypeParser(oid: number, format?: 'text' | 'binary'): TypeParser {
  return oid === pg.types.builtins.TIMESTAMPTZ ? readInstant : pg.types.getTypeParser(oid, format as 'text');
}

/** As PostgreSQL writes it in ISO style. Its driver reads more, and takes what it cannot read for null: for never. */
const INSTANT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)(?::?(\d\d))?$/;

function readInstant(text: string): Date {
  const [, day, time, hours, minutes = '00'] = INSTANT.exec(text) ?? [];
  return new Date(day === undefined ? Number.NaN : `${day}T${time}${hours}:${minutes}`);
}
