import pg from 'pg';
import type { Logger } from 'pino';
import type { TokenSecrets } from '../auth/key.ts';
import type { Config, Secrets } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { PACKAGE_ROOT } from '../package-root.ts';
import { type Changes, hearEmbedded, hearNothing } from './changes.ts';
import { createClient, type Database } from './client.ts';
import { refuseUnfitDirectory } from './directory-lock.ts';
import { isMade, openEmbedded } from './embedded.ts';
import { hearServer } from './listener.ts';
import { applyMigrations } from './migrate.ts';
import { type PoolRules, serverPoolOptions } from './server-pool.ts';
import { checkSecretFingerprints, readOrMakeTokenSecret } from './token-secrets.ts';
import { findSilentAuditTriggers, findSilentTriggers } from './triggers.ts';

/** Where this version's migrations are. */
export const MIGRATIONS = new URL('prisma/migrations/', PACKAGE_ROOT);
const PROBE_MS = 1_000;
const GUEST_ATTEMPTS = 5;

export interface PoolFigures {
  total: number;
  idle: number;
  waiting: number;
}

export interface OpenDatabase {
  database: Database;
  /** What keys are derived from here: as configured, or the secret kept in the data directory. */
  tokenSecrets: TokenSecrets;
  /** What is changed in it, by whomever; a command hears nothing. */
  changes: Changes;
  /** The migrations that were applied by this opening. */
  applied: readonly string[];
  /** How many connections the pool has, how many of them nobody uses, and how many wait for one. */
  poolFigures(): PoolFigures;
  /** Whether the database answers within a second. */
  isThere(): Promise<boolean>;
  close(): Promise<void>;
}

/** A database that is only looked at: nothing in it is made, migrated or noted by opening it. */
export interface ReadableDatabase {
  pool: pg.Pool;
  database: Database;
  close(): Promise<void>;
}

interface OpenOptions {
  config: Config;
  secrets: Secrets;
  log: Logger;
  /** A server owns the embedded database; a command goes through the running server's door where there is one. */
  asServer: boolean;
  /** Told each statement that the database has answered. */
  onQuery?: ((sql: string, durationMs: number) => void) | undefined;
  /** The embedded database has died under this process, which had better exit. */
  onFailure?: (error: Error) => void;
}

/**
 * The database that the configuration names, migrated, its keys known to be derived from the same secrets.
 * Throws OperatorError when it cannot be had; nothing stays open then.
 */
export function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  return persistently(options.config, options.asServer, () => openOnce(options));
}

/**
 * As openDatabase, for a command that changes nothing; null when the embedded database has not been made yet.
 * The database may lack migrations, and its keys may be derived from other secrets.
 */
export async function openToRead(config: Config, log: Logger): Promise<ReadableDatabase | null> {
  if (config.databaseUrl === null) {
    await refuseUnfitDirectory(config.dataDir);
    if (!(await isMade(config.dataDir))) return null;
  }
  return persistently(config, false, async () => {
    const connection = await connect({ config, log, asServer: false });
    try {
      await connection.pool.query('SELECT 1');
      return connection;
    } catch (error) {
      await connection.close().catch(() => undefined);
      throw error;
    }
  });
}

async function persistently<Opened>(config: Config, asServer: boolean, open: () => Promise<Opened>): Promise<Opened> {
  // A command is the guest of whoever owns the embedded database; of an owner that is just leaving, it asks again.
  const attempts = asServer || config.databaseUrl !== null ? 1 : GUEST_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      if (attempt === attempts || !isConnectionLost(error)) throw config.databaseUrl === null ? error : explain(error);
    }
  }
}

async function openOnce(options: OpenOptions): Promise<OpenDatabase> {
  const { config, secrets, log, asServer } = options;
  const { pool, database, hearChanges, close } = await connect(options);
  try {
    const applied = await migrate(config, pool, log);
    const tokenSecrets = secrets.tokenSecrets ?? (await readOrMakeTokenSecret(config.dataDir));
    await checkSecretFingerprints(database, tokenSecrets);
    if (asServer) await warnOfUntoldEvents(pool, log);
    const changes = asServer && (await isAllTold(pool, log)) ? hearChanges() : hearNothing();
    return {
      database,
      tokenSecrets,
      changes,
      applied,
      poolFigures: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
      isThere: () => answersInTime(pool),
      async close() {
        await changes.close();
        await close();
      },
    };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/** Whether the database tells of all changes. Looked at once: what is heard of a part only is not to be trusted. */
async function isAllTold(pool: pg.Pool, log: Logger): Promise<boolean> {
  const silent = (await findSilentTriggers(pool)).map(({ name }) => name);
  if (silent.length === 0) return true;
  log.warn(
    { triggers: silent },
    'changes are not told by all triggers: every request looks its key up; `npx tessera check` says how to mend it',
  );
  return false;
}

async function warnOfUntoldEvents(pool: pg.Pool, log: Logger): Promise<void> {
  const untold = (await findSilentAuditTriggers(pool)).map(({ name }) => name);
  if (untold.length === 0) return;
  log.warn({ triggers: untold }, 'the audit trail is not whole; `npx tessera check` says how to mend it');
}

/**
 * Past a pooler: the lock that keeps two servers from migrating at once belongs to a session. And past the pool: to
 * make an index may take longer than a statement of a request may.
 */
async function migrate(config: Config, pool: pg.Pool, log: Logger): Promise<string[]> {
  const { databaseUrl, directDatabaseUrl } = config;
  const options = { warn: (message: string) => log.warn(message) };
  if (directDatabaseUrl === null) return applyMigrations(pool, MIGRATIONS, options);
  const rules = { ...config.databasePool, size: 1, statementSeconds: null };
  const direct = new pg.Pool(serverPoolOptions(directDatabaseUrl, rules));
  direct.on('error', () => {});
  try {
    return await applyMigrations(direct, MIGRATIONS, options);
  } catch (error) {
    throw directDatabaseUrl === databaseUrl ? error : explain(error, 'DIRECT_DATABASE_URL');
  } finally {
    await direct.end();
  }
}

interface Connection extends ReadableDatabase {
  hearChanges(): Changes;
}

async function connect({
  config,
  log,
  asServer,
  onQuery,
  onFailure,
}: Omit<OpenOptions, 'secrets'>): Promise<Connection> {
  // What a command does may take its time, and nobody waits for it.
  const rules = asServer ? config.databasePool : { ...config.databasePool, statementSeconds: null };
  const source =
    config.databaseUrl === null
      ? await openEmbeddedSource(config, asServer, onFailure)
      : serverSource(config.databaseUrl, config.directDatabaseUrl ?? config.databaseUrl, rules, log);
  const pool = new pg.Pool(source.poolOptions);
  // A connection lost while idle is replaced at the next query; unheard, the event would end the process.
  pool.on('error', ({ message }) => {
    if (!pool.ending) log.warn({ reason: message }, 'database connection lost');
  });
  // So would that of one that is lost between two hands: pg-pool takes its own listener away as it hands a connection
  // out, and who gets it sets his a moment later. Whatever is asked of it next fails by itself.
  pool.on('connect', (client) => client.on('error', () => {}));
  const database = createClient(pool, onQuery);
  return {
    pool,
    database,
    hearChanges: source.hearChanges,
    async close() {
      await database.$disconnect();
      if (!pool.ending) await pool.end();
      await source.close();
    },
  };
}

function isConnectionLost(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return (
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT'].includes(code) || message.startsWith('Connection terminated')
  );
}

interface Source {
  poolOptions: pg.PoolConfig;
  hearChanges(): Changes;
  close(): Promise<void>;
}

async function openEmbeddedSource(
  { dataDir, databasePool: { size, waitSeconds } }: Config,
  asServer: boolean,
  onFailure: OpenOptions['onFailure'] = () => {},
): Promise<Source> {
  const embedded = await openEmbedded({ dataDir, mode: asServer ? 'serve' : 'join', onFailure });
  const { pglite, onUnlisten } = embedded;
  // A command waits its turn: at the door, for as long as it takes.
  const limits = asServer ? { max: size, connectionTimeoutMillis: waitSeconds * 1000 } : {};
  const poolOptions = { ...embedded.poolOptions, ...limits };
  return { ...embedded, poolOptions, hearChanges: () => (pglite ? hearEmbedded(pglite, onUnlisten) : hearNothing()) };
}

function serverSource(databaseUrl: string, directUrl: string, rules: PoolRules, log: Logger): Source {
  return {
    poolOptions: serverPoolOptions(databaseUrl, rules),
    hearChanges: () => hearServer({ url: directUrl, databaseUrl, log }),
    close: () => Promise.resolve(),
  };
}

async function answersInTime(pool: pg.Pool): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, PROBE_MS, false);
  });
  const answered = pool.query('SELECT 1').then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]).finally(() => clearTimeout(timer));
}

/** What Node calls a certificate that no authority it knows has signed. */
const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];
const TRUST = 'nobody known has signed its certificate. Name its authority by sslrootcert';

function explain(error: unknown, variable = 'DATABASE_URL'): unknown {
  const { code, message } = error as { code?: string; message?: string };
  const remedies: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there. Start PostgreSQL, or correct the host and port',
    ENOTFOUND: 'the host is not known. Correct it',
    '28P01': 'the password is wrong. Correct the user or the password',
    '28000': 'this user may not connect. Correct the user, or pg_hba.conf',
    '3D000': 'there is no such database. Create it, or correct its name',
    '53300': 'it has no connection to spare. Raise max_connections, or stop what holds them',
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host. Correct the host',
    CERT_HAS_EXPIRED: 'its certificate has expired. Renew it',
    ...Object.fromEntries(UNTRUSTED.map((untrusted) => [untrusted, TRUST])),
  };
  if (code === '42501') {
    return new OperatorError(
      `The role in ${variable} may not do what it must (${message}). Run \`npx tessera migrate\` as the role that owns the ` +
        'tables and grant this one what it needs, or let it own them.',
    );
  }
  const remedy = remedies[code ?? ''];
  return remedy ? new OperatorError(`${variable} cannot be connected to (${message || code}): ${remedy}.`) : error;
}
