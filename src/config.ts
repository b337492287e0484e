import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseEnv } from 'node:util';
import * as z from 'zod';
import type { TokenLifetimes } from './auth/expiry.ts';
import type { TokenSecrets } from './auth/key.ts';
import type { PasswordQueueRules } from './auth/queued-passwords.ts';
import type { SchemeName } from './auth/scheme.ts';
import type { ThrottleRules } from './auth/throttle-rules.ts';
import { schema } from './config/schema.ts';
import { type TracingRules, tracingOf } from './config/tracing.ts';
import type { VariableName } from './config/variables.ts';
import { OperatorError } from './errors.ts';

/** What an operator may set that is no secret; everything below receives it as an argument. */
export interface Config {
  env: 'development' | 'production' | 'test';
  host: string;
  /** 0: any free port. */
  port: number;
  /** How many processes serve. */
  workers: number;
  /** Null: the embedded database in `dataDir`. */
  databaseUrl: string | null;
  /** The server itself where `databaseUrl` is that of a pooler; else the same. */
  directDatabaseUrl: string | null;
  databasePool: PoolRules;
  dataDir: string;
  /** Where clients find the server, without a path; null: on this machine, at the port that it listens on. */
  publicUrl: string | null;
  /** Origins, beside the server's own, whose pages may use its session cookie. */
  trustedOrigins: readonly string[];
  /** Addresses and networks of proxies, whose `X-Forwarded-For` is believed. */
  trustedProxies: readonly string[];
  /** Origins whose pages may read what they ask for with a key of theirs; `*`: all. */
  corsOrigins: readonly string[] | '*';
  /** The ways in, in the order in which they are tried. */
  authentication: readonly SchemeName[];
  tokenKeyword: string;
  bcryptCost: number;
  passwordQueue: PasswordQueueRules;
  throttle: ThrottleRules;
  rateLimits: RateLimits;
  registration: 'open' | 'closed';
  maxTokensPerUser: number;
  /** How many a user may make or rotate within an hour. */
  maxTokensPerHour: number;
  tokenLifetimes: TokenLifetimes;
  jwt: JwtRules;
  viewerCacheSize: number;
  http: HttpRules;
  /** How long connections without a request stay open at shutdown. */
  shutdownGraceSeconds: number;
  metrics: MetricsRules;
  /** Null: nothing is traced. */
  tracing: TracingRules | null;
  /** What a GraphQL document may come to. */
  queryLimits: QueryLimits;
  hasIntrospection: boolean;
  hasGraphiQL: boolean;
  /** The file that names the only operations that are run; null: any is. */
  trustedDocuments: string | null;
  /** How long an event of the audit trail is kept; null: for ever. */
  auditRetentionSeconds: number | null;
  logLevel: string;
}

/** Where clients find the server: as configured, or on this very machine. */
export function publicUrlOf({ publicUrl, port }: Pick<Config, 'publicUrl' | 'port'>): string {
  return publicUrl ?? `http://localhost:${port}`;
}

/** Requests a minute on one node; null: any number. */
interface RateLimits {
  /** From one address, of nobody who is known. */
  perAddress: number | null;
  /** Of one user. */
  perUser: number | null;
}

/** What clients are held to. */
interface HttpRules {
  /** Until all headers are there. */
  headersMs: number;
  /** Until all of the request is there. */
  requestMs: number;
  /** Until the next request begins. */
  keepAliveMs: number;
  /** How long an answer may wait for a client that does not read it. */
  stalledMs: number;
  headerBytes: number;
  bodyBytes: number;
  connections: number;
  /** Null: as many as there may be at all. */
  connectionsPerAddress: number | null;
}

/** What the connections to the database are held to. */
interface PoolRules {
  size: number;
  /** How long a request waits for one. */
  waitSeconds: number;
  /** How long one statement may take. */
  statementSeconds: number;
}

/** What a GraphQL document may come to: see `graphql/query-limits.ts`. */
interface QueryLimits {
  depth: number;
  aliases: number;
  directives: number;
  tokens: number;
  values: number;
}

/** How JSON web tokens are issued and judged. */
interface JwtRules {
  /** Null: the public URL. */
  issuer: string | null;
  /** Null: the issuer. */
  audience: string | null;
  accessLifetimeSeconds: number;
  refreshLifetimeSeconds: number;
  /** `signature`: by arithmetic alone, so that an access token outlives what ends it by its few minutes; `strict`: by a look-up too. */
  check: 'signature' | 'strict';
}

/** Where figures are to be had. Without a port they are at the server's own, for whoever has the secret for it. */
interface MetricsRules {
  host: string;
  /** 0: any free port; null: none of its own. */
  port: number | null;
}

/** What tokens are held to, as `accounts` takes it. */
export function tokenRulesOf(config: Config) {
  const { tokenLifetimes, maxTokensPerUser, maxTokensPerHour, jwt } = config;
  const { refreshLifetimeSeconds } = jwt;
  return { lifetimes: tokenLifetimes, maxTokensPerUser, maxTokensPerHour, refreshLifetimeSeconds };
}

/** Kept apart from Config so that logging or printing a Config can never show one. */
export interface Secrets {
  /** Null: the one kept in the data directory, made at first start. */
  tokenSecrets: TokenSecrets | null;
  passwordPepper: string | null;
  /** A JWK set, or the names of PEM files; null: keys that are made, and kept in the database. */
  jwtKeys: string | null;
  /** What is asked for before figures are shown; null: nothing. */
  metricsToken: string | null;
  /** What is sent along with traces, for whoever takes them; null: nothing. */
  tracingHeaders: Readonly<Record<string, string>> | null;
}

type Environment = Record<string, string | undefined>;

/**
 * The configuration that the environment and the `.env` file beside it describe; the environment wins.
 * Throws OperatorError naming every bad variable, its rule and the remedy, in one message.
 */
export function loadConfig(directory = process.cwd()): { config: Config; secrets: Secrets } {
  return readConfig({ ...readEnvFile(`${directory}/.env`), ...process.env });
}

/** As loadConfig, from an environment given as an argument. */
export function readConfig(env: Environment): { config: Config; secrets: Secrets } {
  const set = withoutEmpty(env);
  const read = schema.safeParse(set);
  if (!read.success) {
    throw new OperatorError(
      ['The configuration is not usable:', ...problemsOf(read.error.issues, set).map(lineOf)].join('\n  '),
    );
  }
  return settle(read.data);
}

/** A variable that is no good, and its rule; null stands for the `.env` file as a whole. */
interface ConfigProblem {
  name: VariableName | null;
  line: string;
}

export interface InspectedConfig {
  problems: readonly ConfigProblem[];
  /** What the good variables make, with defaults in place of the bad ones; nothing to work with, only to look at. */
  config: Config;
  secrets: Secrets;
  /** The variables that the `.env` file sets. */
  fromEnvFile: readonly string[];
}

/** As loadConfig, for whoever wants to know all that is wrong and go on with the rest; never throws. */
export function inspectConfig(directory = process.cwd()): InspectedConfig {
  const problems: ConfigProblem[] = [];
  let file: Environment = {};
  try {
    file = readEnvFile(`${directory}/.env`);
  } catch (error) {
    problems.push({ name: null, line: (error as Error).message });
  }
  const set = withoutEmpty({ ...file, ...process.env });
  const read = schema.safeParse(set);
  if (!read.success) problems.push(...problemsOf(read.error.issues, set));
  const bad = new Set<string | null>(problems.map(({ name }) => name));
  // Each rule for itself: those that look at two variables would miss the bad ones.
  const good = Object.fromEntries(Object.entries(set).filter(([name]) => !bad.has(name)));
  return { problems, ...settle(z.object(schema.shape).parse(good)), fromEnvFile: Object.keys(withoutEmpty(file)) };
}

// An empty variable (`PORT=`) counts as one that is not set, as in shells and compose files.
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
}

function settle({
  TOKEN_SECRETS,
  PASSWORD_PEPPER,
  JWT_KEYS,
  METRICS_TOKEN,
  OTEL_EXPORTER_OTLP_HEADERS,
  ...plain
}: z.output<typeof schema>) {
  const isEmbedded = plain.DATABASE_URL === undefined;
  const config: Config = {
    env: plain.NODE_ENV,
    host: plain.HOST,
    port: plain.PORT,
    workers: plain.WORKERS,
    databaseUrl: plain.DATABASE_URL ?? null,
    directDatabaseUrl: plain.DIRECT_DATABASE_URL ?? plain.DATABASE_URL ?? null,
    databasePool: {
      size: plain.DATABASE_POOL_SIZE,
      waitSeconds: plain.DATABASE_POOL_TIMEOUT,
      statementSeconds: plain.DATABASE_STATEMENT_TIMEOUT,
    },
    dataDir: plain.DATA_DIR,
    publicUrl: plain.PUBLIC_URL ?? null,
    trustedOrigins: plain.TRUSTED_ORIGINS ?? [],
    trustedProxies: plain.TRUSTED_PROXIES,
    corsOrigins: plain.CORS_ORIGINS ?? [],
    authentication: plain.AUTHENTICATION,
    tokenKeyword: plain.TOKEN_KEYWORD,
    bcryptCost: plain.BCRYPT_COST,
    passwordQueue: {
      atOnce: plain.PASSWORDS_AT_ONCE ?? Math.max(1, availableParallelism() - 1),
      waiting: plain.PASSWORDS_WAITING,
    },
    throttle: {
      maxFailures: plain.MAX_LOGIN_FAILURES,
      maxFailuresPerAddress: plain.MAX_LOGIN_FAILURES_PER_ADDRESS,
      maxRegistrationsPerAddress: plain.MAX_REGISTRATIONS_PER_ADDRESS,
      longestWaitSeconds: plain.THROTTLE_LONGEST_WAIT,
      forgottenAfterSeconds: plain.THROTTLE_FORGETS_AFTER,
    },
    rateLimits: { perAddress: plain.RATE_LIMIT_PER_ADDRESS, perUser: plain.RATE_LIMIT_PER_USER },
    registration: plain.REGISTRATION ?? (isEmbedded && plain.NODE_ENV !== 'production' ? 'open' : 'closed'),
    maxTokensPerUser: plain.MAX_TOKENS_PER_USER,
    maxTokensPerHour: plain.MAX_TOKENS_PER_HOUR,
    tokenLifetimes: {
      LOGIN: { lifetimeSeconds: plain.TOKEN_LIFETIME, idleLifetimeSeconds: plain.TOKEN_IDLE_LIFETIME },
      SESSION: { lifetimeSeconds: plain.SESSION_LIFETIME, idleLifetimeSeconds: plain.SESSION_IDLE_LIFETIME },
    },
    jwt: {
      issuer: plain.JWT_ISSUER ?? null,
      audience: plain.JWT_AUDIENCE ?? null,
      accessLifetimeSeconds: plain.JWT_ACCESS_LIFETIME,
      refreshLifetimeSeconds: plain.JWT_REFRESH_LIFETIME,
      check: plain.JWT_CHECK,
    },
    viewerCacheSize: plain.VIEWER_CACHE_SIZE,
    http: {
      headersMs: plain.HEADERS_TIMEOUT * 1000,
      requestMs: plain.REQUEST_TIMEOUT * 1000,
      keepAliveMs: plain.KEEP_ALIVE_TIMEOUT * 1000,
      stalledMs: plain.WRITE_TIMEOUT * 1000,
      headerBytes: plain.MAX_HEADER_BYTES,
      bodyBytes: plain.MAX_BODY_BYTES,
      connections: plain.MAX_CONNECTIONS,
      connectionsPerAddress: plain.MAX_CONNECTIONS_PER_ADDRESS,
    },
    shutdownGraceSeconds: plain.SHUTDOWN_GRACE,
    metrics: { host: plain.METRICS_HOST, port: plain.METRICS_PORT ?? null },
    tracing: tracingOf(plain),
    queryLimits: {
      depth: plain.MAX_QUERY_DEPTH,
      aliases: plain.MAX_QUERY_ALIASES,
      directives: plain.MAX_QUERY_DIRECTIVES,
      tokens: plain.MAX_QUERY_TOKENS,
      values: plain.MAX_QUERY_VALUES,
    },
    hasIntrospection: plain.INTROSPECTION ?? plain.NODE_ENV !== 'production',
    hasGraphiQL: plain.GRAPHIQL ?? plain.NODE_ENV === 'development',
    trustedDocuments: plain.TRUSTED_DOCUMENTS ?? null,
    auditRetentionSeconds: plain.AUDIT_RETENTION,
    logLevel: plain.LOG_LEVEL,
  };
  const secrets: Secrets = {
    tokenSecrets: TOKEN_SECRETS ?? null,
    passwordPepper: PASSWORD_PEPPER ?? null,
    jwtKeys: JWT_KEYS ?? null,
    metricsToken: METRICS_TOKEN ?? null,
    tracingHeaders: OTEL_EXPORTER_OTLP_HEADERS ?? null,
  };
  return { config, secrets };
}

const SECRET_NAMES: ReadonlySet<string> = new Set<VariableName>([
  'DATABASE_URL',
  'DIRECT_DATABASE_URL',
  'TOKEN_SECRETS',
  'PASSWORD_PEPPER',
  'JWT_KEYS',
  'METRICS_TOKEN',
  // Some collectors' have a password or a key in them.
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
]);

function problemsOf(issues: readonly { path: PropertyKey[]; message: string }[], env: Environment): ConfigProblem[] {
  const problems = issues.map(({ path, message }) => {
    const name = String(path[0]) as VariableName;
    const given = env[name];
    const shown = given === undefined || SECRET_NAMES.has(name) ? '' : ` (got ${JSON.stringify(given)})`;
    return { name, line: `${name} ${message}${shown}` };
  });
  // Two rules of one variable may say the same.
  return [...new Map(problems.map((problem) => [problem.line, problem])).values()];
}

function lineOf({ line }: ConfigProblem): string {
  return line;
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8')) as Environment;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new OperatorError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
