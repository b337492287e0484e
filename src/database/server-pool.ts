import type pg from 'pg';

/** What the connections to a server are held to. */
export interface PoolRules {
  /** How many there may be. */
  size: number;
  /** How long a request waits for one. */
  waitSeconds: number;
  /** How long one statement may take, and a transaction do nothing; null: as long as they like. */
  statementSeconds: number | null;
}

/** So much later than the server should have ended a statement, the server is not there. */
const SILENCE_MS = 1_000;

// Prisma's adapter sends and reads instants without their offset: in a session of another zone they would be off by
// hours, and of another style unreadable. By SET, not by a startup option: poolers know these settings, and refuse those
// they do not know.
const IN_UTC = "SET TIME ZONE 'UTC'; SET DateStyle TO 'ISO'";

/** What `new pg.Pool` needs to reach the PostgreSQL server of this URL. */
export function serverPoolOptions(
  connectionString: string,
  { size, waitSeconds, statementSeconds }: PoolRules,
): pg.PoolConfig {
  return {
    connectionString,
    max: size,
    connectionTimeoutMillis: waitSeconds * 1000,
    keepAlive: true,
    async onConnect(client) {
      if (statementSeconds === null) await client.query(IN_UTC);
      else await holdTo(client as Session, statementSeconds);
    },
  };
}

/** A client of `pg`, and what it keeps to itself. */
type Session = pg.Client & {
  connection: { stream: import('node:net').Socket };
  processID: number;
  /** Whether nothing is asked of the server. */
  readyForQuery: boolean;
};

async function holdTo(session: Session, seconds: number): Promise<void> {
  const { stream } = session.connection;
  // A server that is stopped, or whose network is gone, ends no statement. Cut, and not merely given up (`query_timeout`):
  // the rest of the transaction would come back with the connection to whoever is given it next.
  stream.setTimeout(seconds * 1000 + SILENCE_MS, () => {
    if (!session.readyForQuery) stream.destroy();
  });
  // Behind a pooler the session is lent by somebody else, and would keep the limits for its next client.
  const isOwn = `pg_backend_pid() = ${session.processID}`;
  const limits = ['statement_timeout', 'idle_in_transaction_session_timeout'];
  const setEach = limits.map((name) => `set_config('${name}', '${seconds}s', false)`).join(', ');
  await session.query(`${IN_UTC}; SELECT ${setEach} WHERE ${isOwn}`);
}
