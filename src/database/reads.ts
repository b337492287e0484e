import { Prisma } from '@prisma/client/extension';
import type pg from 'pg';

/** Told each statement that the database has answered, and how long that took. */
export type NoteQuery = (sql: string, durationMs: number) => void;

/**
 * A Prisma client extension: `$read`, for the few reads that requests wait for. One statement straight on the pool, past
 * what Prisma plans and converts around it, which takes several times as long as the driver does. The rows are as `pg`
 * reads them: `instantOf` for what is a Date. It is never part of a transaction, wherever it is called.
 */
export function reads(pool: pg.Pool, onQuery: NoteQuery | undefined) {
  return Prisma.defineExtension({
    name: 'reads',
    client: {
      async $read<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]> {
        const from = performance.now();
        const { rows } = await pool.query<Row & pg.QueryResultRow>(sql, values as unknown[]);
        onQuery?.(sql, performance.now() - from);
        return rows;
      },
    },
  });
}

/** A `timestamptz` as `pg` has read it, as a Date; one that no Date can be (`infinity`) is an invalid one, as Prisma has it. */
export function instantOf(value: unknown): Date {
  return value instanceof Date ? value : new Date(Number.NaN);
}

/** As instantOf, of what may be null. */
export function instantOrNull(value: unknown): Date | null {
  return value === null ? null : instantOf(value);
}
