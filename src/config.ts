import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import type { TokenLifetimes } from './auth/expiry.ts';
import type { TokenSecrets } from './auth/key.ts';
import { SCHEME_NAMES, type SchemeName } from './auth/scheme.ts';
import { DURATION_RULE, parseDuration } from './duration.ts';
import { OperatorError } from './errors.ts';

/** What an operator may set that is no secret; everything below receives it as an argument. */
export interface Config {
  env: 'development' | 'production' | 'test';
  host: string;
  /** 0: any free port. */
  port: number;
  /** Null: the embedded database in `dataDir`. */
  databaseUrl: string | null;
  /** The server itself where `databaseUrl` is that of a pooler; else the same. */
  directDatabaseUrl: string | null;
  dataDir: string;
  /** Where clients find the server, without a path; null: on this machine, at the port that it listens on. */
  publicUrl: string | null;
  /** Origins, beside the server's own, whose pages may use its session cookie. */
  trustedOrigins: readonly string[];
  /** The ways in, in the order in which they are tried. */
  authentication: readonly SchemeName[];
  tokenKeyword: string;
  bcryptCost: number;
  registration: 'open' | 'closed';
  maxTokensPerUser: number;
  tokenLifetimes: TokenLifetimes;
  jwt: JwtRules;
  viewerCacheSize: number;
  logLevel: string;
}

/** Where clients find the server: as configured, or on this very machine. */
export function publicUrlOf({ publicUrl, port }: Pick<Config, 'publicUrl' | 'port'>): string {
  return publicUrl ?? `http://localhost:${port}`;
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

/** What tokens are held to, as `accounts` takes it. */
export function tokenRulesOf({ tokenLifetimes, maxTokensPerUser, jwt: { refreshLifetimeSeconds } }: Config) {
  return { lifetimes: tokenLifetimes, maxTokensPerUser, refreshLifetimeSeconds };
}

/** Kept apart from Config so that logging or printing a Config can never show one. */
export interface Secrets {
  /** Null: the one kept in the data directory, made at first start. */
  tokenSecrets: TokenSecrets | null;
  passwordPepper: string | null;
  /** A JWK set, or the names of PEM files; null: keys that are made, and kept in the database. */
  jwtKeys: string | null;
}

interface Variable {
  /** As docs/guides/configuration.md shows it. */
  default: string;
  about: string;
}

/** Every variable that is read, in the order of docs/guides/configuration.md; a test compares the two. */
export const VARIABLES = {
  HOST: { default: '127.0.0.1', about: 'The address to listen on.' },
  PORT: { default: '4000', about: 'The port to listen on; 0 takes any free one.' },
  DATABASE_URL: {
    default: 'none: the embedded database',
    about: 'A PostgreSQL 14+ server, as `postgresql://user:password@host:5432/name`.',
  },
  DIRECT_DATABASE_URL: {
    default: 'DATABASE_URL',
    about: 'The server itself, where `DATABASE_URL` goes through a pooler: changes are heard and migrations run there.',
  },
  DATA_DIR: {
    default: '.tessera',
    about: 'Where the embedded database and a secret made at first start are kept.',
  },
  TOKEN_SECRETS: {
    default: 'made at first start in DATA_DIR; required in production with DATABASE_URL',
    about: 'What keys are derived from: comma-separated, newest first, each at least 32 bytes.',
  },
  PUBLIC_URL: {
    default: 'http://localhost and PORT; required in production for jwt and session',
    about:
      'Where clients find the server, such as `https://api.example.org`; cookies and token issuers follow from it.',
  },
  TRUSTED_ORIGINS: {
    default: 'none',
    about: 'Origins beside PUBLIC_URL whose pages may use the session cookie, comma-separated.',
  },
  AUTHENTICATION: {
    default: 'token,jwt,session',
    about: 'The ways in, in the order in which they are tried: `token`, `jwt`, `session` and `basic`, comma-separated.',
  },
  TOKEN_KEYWORD: { default: 'Token', about: 'The word before the key in the Authorization header.' },
  PASSWORD_PEPPER: {
    default: 'none',
    about: 'Mixed into every password hash, at least 32 bytes; changing it ends every password.',
  },
  BCRYPT_COST: {
    default: '12',
    about: 'The work of one password check, 10 to 15; one more doubles it (4 to 15 when NODE_ENV is test).',
  },
  REGISTRATION: {
    default: 'open on the embedded database outside production, else closed',
    about: '`open` or `closed`: may anybody call createUser, or staff alone.',
  },
  MAX_TOKENS_PER_USER: {
    default: '100',
    about: 'How many live tokens a user may have, 1 to 10000; one place is kept for the login token `default`.',
  },
  TOKEN_LIFETIME: {
    default: 'none',
    about: 'How long a login token lives, used or not: a duration such as `30d`, `12h` or `90m`, or `none`.',
  },
  TOKEN_IDLE_LIFETIME: {
    default: '90d',
    about: 'How long a login token lives without being used: a duration, or `none`.',
  },
  SESSION_LIFETIME: {
    default: '30d',
    about: 'How long a browser stays signed in, active or not: a duration, or `none`.',
  },
  SESSION_IDLE_LIFETIME: {
    default: '7d',
    about: 'How long a browser stays signed in without a request: a duration, or `none`.',
  },
  JWT_KEYS: {
    default: 'made at first start, kept in the database',
    about: 'What access tokens are signed with: a JWK set, or PEM files, comma-separated; the first signs, all verify.',
  },
  JWT_ISSUER: { default: 'PUBLIC_URL', about: 'The claim `iss` of access tokens.' },
  JWT_AUDIENCE: { default: 'JWT_ISSUER', about: 'The claim `aud` of access tokens.' },
  JWT_ACCESS_LIFETIME: { default: '5m', about: 'How long an access token lives: a duration of up to 1 day.' },
  JWT_REFRESH_LIFETIME: {
    default: '14d',
    about: 'How long a refresh token lives unless it is used, which gives another: a duration of up to 1 year.',
  },
  JWT_CHECK: {
    default: 'signature',
    about: '`signature`: an access token is good until it expires; `strict`: its user and its pair are looked at, too.',
  },
  VIEWER_CACHE_SIZE: {
    default: '50000',
    about: 'How many keys’ owners are kept in memory, so that a key costs one query and no more; 0 keeps none.',
  },
  LOG_LEVEL: {
    default: 'info',
    about: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
  },
  NODE_ENV: {
    default: 'development',
    about: '`development`, `production` or `test`. GraphiQL is served in development alone.',
  },
} as const satisfies Record<string, Variable>;

type Name = keyof typeof VARIABLES;
type Environment = Record<string, string | undefined>;

const MIN_SECRET_BYTES = 32;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const COST_RULE = 'must be a whole number from 10 to 15';
const SECRET_HINT = 'Make one with: npx tessera secrets new';

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
  name: Name | null;
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

function settle({ TOKEN_SECRETS, PASSWORD_PEPPER, JWT_KEYS, ...plain }: z.output<typeof schema>) {
  const isEmbedded = plain.DATABASE_URL === undefined;
  const config: Config = {
    env: plain.NODE_ENV,
    host: plain.HOST,
    port: plain.PORT,
    databaseUrl: plain.DATABASE_URL ?? null,
    directDatabaseUrl: plain.DIRECT_DATABASE_URL ?? plain.DATABASE_URL ?? null,
    dataDir: plain.DATA_DIR,
    publicUrl: plain.PUBLIC_URL ?? null,
    trustedOrigins: plain.TRUSTED_ORIGINS ?? [],
    authentication: plain.AUTHENTICATION,
    tokenKeyword: plain.TOKEN_KEYWORD,
    bcryptCost: plain.BCRYPT_COST,
    registration: plain.REGISTRATION ?? (isEmbedded && plain.NODE_ENV !== 'production' ? 'open' : 'closed'),
    maxTokensPerUser: plain.MAX_TOKENS_PER_USER,
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
    logLevel: plain.LOG_LEVEL,
  };
  const secrets: Secrets = {
    tokenSecrets: TOKEN_SECRETS ?? null,
    passwordPepper: PASSWORD_PEPPER ?? null,
    jwtKeys: JWT_KEYS ?? null,
  };
  return { config, secrets };
}

const schema = z
  .object({
    HOST: z.string().default(VARIABLES.HOST.default),
    PORT: wholeNumber(0, 65_535).default(Number(VARIABLES.PORT.default)),
    DATABASE_URL: z.string().refine(isPostgresUrl, 'must be a postgresql:// URL').optional(),
    DIRECT_DATABASE_URL: z.string().refine(isPostgresUrl, 'must be a postgresql:// URL').optional(),
    DATA_DIR: z.string().default(VARIABLES.DATA_DIR.default),
    TOKEN_SECRETS: z
      .string()
      .transform((list) => list.split(',').map((secret) => secret.trim()))
      .refine(
        (list): list is [string, ...string[]] => list.every(isLongEnough),
        `must be a comma-separated list of secrets of at least ${MIN_SECRET_BYTES} bytes each. ${SECRET_HINT}`,
      )
      .refine((list) => new Set(list).size === list.length, 'must name each secret once')
      .optional(),
    PUBLIC_URL: z.string().transform(originOf).optional(),
    TRUSTED_ORIGINS: list()
      .pipe(z.array(z.string().transform(originOf)))
      .optional(),
    AUTHENTICATION: list()
      .refine((names) => names.every(isSchemeName), `must be a comma-separated list of ${SCHEME_NAMES.join(', ')}`)
      .refine((names) => new Set(names).size === names.length, 'must name each way in once')
      .transform((names) => names.filter(isSchemeName))
      .prefault(VARIABLES.AUTHENTICATION.default),
    TOKEN_KEYWORD: z
      .string()
      .regex(/^[!#$%&'*+.^_`|~\w-]+$/, 'must be one word of letters, digits and hyphens')
      .refine((word) => word.toLowerCase() !== 'basic', 'must not be Basic, which means a password')
      .default(VARIABLES.TOKEN_KEYWORD.default),
    PASSWORD_PEPPER: z
      .string()
      .refine(isLongEnough, `must have at least ${MIN_SECRET_BYTES} bytes. ${SECRET_HINT}`)
      .optional(),
    BCRYPT_COST: wholeNumber(4, 15, COST_RULE).default(Number(VARIABLES.BCRYPT_COST.default)),
    REGISTRATION: z.enum(['open', 'closed'], 'must be open or closed').optional(),
    MAX_TOKENS_PER_USER: wholeNumber(1, 10_000).default(Number(VARIABLES.MAX_TOKENS_PER_USER.default)),
    TOKEN_LIFETIME: lifetime().prefault(VARIABLES.TOKEN_LIFETIME.default),
    TOKEN_IDLE_LIFETIME: lifetime().prefault(VARIABLES.TOKEN_IDLE_LIFETIME.default),
    SESSION_LIFETIME: lifetime().prefault(VARIABLES.SESSION_LIFETIME.default),
    SESSION_IDLE_LIFETIME: lifetime().prefault(VARIABLES.SESSION_IDLE_LIFETIME.default),
    JWT_KEYS: z.string().optional(),
    JWT_ISSUER: z.string().optional(),
    JWT_AUDIENCE: z.string().optional(),
    JWT_ACCESS_LIFETIME: duration(86_400, 'a duration of up to 1 day such as 90s, 5m or 1h').prefault(
      VARIABLES.JWT_ACCESS_LIFETIME.default,
    ),
    JWT_REFRESH_LIFETIME: duration(366 * 86_400, 'a duration of up to 1 year such as 12h, 14d or 8w').prefault(
      VARIABLES.JWT_REFRESH_LIFETIME.default,
    ),
    JWT_CHECK: z.enum(['signature', 'strict'], 'must be signature or strict').default(VARIABLES.JWT_CHECK.default),
    VIEWER_CACHE_SIZE: wholeNumber(0, 10_000_000).default(Number(VARIABLES.VIEWER_CACHE_SIZE.default)),
    LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default(VARIABLES.LOG_LEVEL.default),
    NODE_ENV: z
      .enum(['development', 'production', 'test'], 'must be development, production or test')
      .default(VARIABLES.NODE_ENV.default),
  })
  // A cost below 10 can be guessed at speed: it exists so that tests need not wait.
  .refine((env) => !(env.BCRYPT_COST < 10) || env.NODE_ENV === 'test', {
    path: ['BCRYPT_COST'],
    error: COST_RULE,
    when: always,
  })
  .refine((env) => !env.DIRECT_DATABASE_URL || env.DATABASE_URL, {
    path: ['DIRECT_DATABASE_URL'],
    error: 'must not be set without DATABASE_URL: it names the same database, past the pooler',
    when: always,
  })
  .refine((env) => env.NODE_ENV !== 'production' || env.PUBLIC_URL || !needsPublicUrl(env.AUTHENTICATION), {
    path: ['PUBLIC_URL'],
    error:
      'must be set when NODE_ENV is production and AUTHENTICATION names jwt or session: where clients find the server, ' +
      'such as https://api.example.org',
    when: always,
  })
  .refine((env) => !needsPrivacy(env.AUTHENTICATION) || isPrivateUrl(env.PUBLIC_URL), {
    path: ['AUTHENTICATION'],
    error:
      'must not name session or basic where PUBLIC_URL is plain HTTP and leads to another machine: every request would ' +
      'show the cookie or the password on its way. Use https, or set AUTHENTICATION=token,jwt',
    when: always,
  })
  .refine((env) => env.NODE_ENV !== 'production' || !env.DATABASE_URL || env.TOKEN_SECRETS, {
    path: ['TOKEN_SECRETS'],
    error: `must be set when NODE_ENV is production and DATABASE_URL is set, the same on every server. ${SECRET_HINT}`,
    when: always,
  });

function list() {
  return z.string().transform((text) => text.split(',').map((part) => part.trim()));
}

function isSchemeName(name: string): name is SchemeName {
  return (SCHEME_NAMES as readonly string[]).includes(name);
}

// Looked at although another variable is wrong: then nothing here need be what it should.
function needsPublicUrl(authentication: unknown): boolean {
  return isNaming(authentication, ['jwt', 'session']);
}

function needsPrivacy(authentication: unknown): boolean {
  return isNaming(authentication, ['session', 'basic']);
}

function isNaming(authentication: unknown, names: readonly SchemeName[]): boolean {
  return Array.isArray(authentication) && names.some((name) => authentication.includes(name));
}

function isPrivateUrl(publicUrl: unknown): boolean {
  return typeof publicUrl !== 'string' || !publicUrl.startsWith('http:') || isLoopbackUrl(publicUrl);
}

/** Whether this URL leads to the very machine on which its user is. */
export function isLoopbackUrl(url: string): boolean {
  return LOOPBACK_HOSTS.includes(new URL(url).hostname);
}

/** How a machine calls itself in URLs. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

// With a path there would be two opinions of what else stands on that host: cookies and origins know none.
function originOf(text: string, context: z.RefinementCtx): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && text.replace(/\/$/, '').toLowerCase() === url.origin) return url.origin;
  context.addIssue({
    code: 'custom',
    message: 'must be the http or https URL of an origin, without a path, such as https://api.example.org',
  });
  return z.NEVER;
}

function duration(mostSeconds: number, rule: string) {
  return z.string().transform((text, context) => {
    const seconds = parseDuration(text);
    if (seconds !== undefined && seconds <= mostSeconds) return seconds;
    context.addIssue({ code: 'custom', message: `must be ${rule}` });
    return z.NEVER;
  });
}

function lifetime() {
  return z.string().transform((text, context) => {
    const seconds = text === 'none' ? null : parseDuration(text);
    if (seconds !== undefined) return seconds;
    context.addIssue({ code: 'custom', message: `must be ${DURATION_RULE}, or none` });
    return z.NEVER;
  });
}

// Rules that look at two variables are judged even when a third is wrong: one message names them all.
function always(): boolean {
  return true;
}

function wholeNumber(least: number, most: number, rule = `must be a whole number from ${least} to ${most}`) {
  return z
    .string()
    .regex(/^\d+$/, rule)
    .transform(Number)
    .refine((number) => number >= least && number <= most, rule);
}

function isLongEnough(secret: string): boolean {
  return Buffer.byteLength(secret) >= MIN_SECRET_BYTES;
}

function isPostgresUrl(text: string): boolean {
  try {
    return /^postgres(ql)?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

const SECRET_NAMES: ReadonlySet<string> = new Set<Name>([
  'DATABASE_URL',
  'DIRECT_DATABASE_URL',
  'TOKEN_SECRETS',
  'PASSWORD_PEPPER',
  'JWT_KEYS',
]);

function problemsOf(issues: readonly { path: PropertyKey[]; message: string }[], env: Environment): ConfigProblem[] {
  const problems = issues.map(({ path, message }) => {
    const name = String(path[0]) as Name;
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
