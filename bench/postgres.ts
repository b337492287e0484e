import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** The work's result in a database of its own on this server, which is gone again afterwards. */
export async function inDatabase<Result>(serverUrl: string, work: (url: string) => Promise<Result>): Promise<Result> {
  const name = `tessera_bench_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await query(serverUrl, `CREATE DATABASE ${name}`);
  try {
    return await work(url.href);
  } finally {
    await query(serverUrl, `DROP DATABASE ${name}`);
  }
}

/** The rows that this statement gives, on a connection of its own. */
export async function query(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
