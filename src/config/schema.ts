import * as z from 'zod';
import { parseNetwork } from '../auth/networks.ts';
import { SCHEME_NAMES, type SchemeName } from '../auth/scheme.ts';
import { isLoopbackUrl } from './loopback.ts';
import {
  collectorOf,
  isHeader,
  isProtocol,
  isRatio,
  isRatioSampler,
  isSampler,
  isTraced,
  PROTOCOLS,
  pairs,
  SAMPLERS,
} from './tracing.ts';
import {
  duration,
  durationOrNone,
  isPostgresUrl,
  list,
  onOrOff,
  originOf,
  wholeNumber,
  wholeNumberOrNone,
} from './values.ts';
import { VARIABLES } from './variables.ts';

const MIN_SECRET_BYTES = 32;
/** For so long a trigger keeps each event of the audit trail. */
export const LEAST_RETENTION_SECONDS = 7 * 86_400;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const COST_RULE = 'must be a whole number from 10 to 15';
const ORIGINS_RULE =
  'must be http or https URLs of origins, without a path, such as https://app.example.org, comma-separated, or * alone';
const SECRET_HINT = 'Make one with: npx tessera secrets new';

/** The rules of every variable, and of those that are judged together. */
export const schema = z
  .object({
    HOST: z.string().default(VARIABLES.HOST.default),
    PORT: wholeNumber(0, 65_535).default(Number(VARIABLES.PORT.default)),
    WORKERS: wholeNumber(1, 64).default(Number(VARIABLES.WORKERS.default)),
    DATABASE_URL: z.string().refine(isPostgresUrl, 'must be a postgresql:// URL').optional(),
    DIRECT_DATABASE_URL: z.string().refine(isPostgresUrl, 'must be a postgresql:// URL').optional(),
    DATABASE_POOL_SIZE: wholeNumber(1, 1_000).default(Number(VARIABLES.DATABASE_POOL_SIZE.default)),
    DATABASE_POOL_TIMEOUT: upToAnHour().prefault(VARIABLES.DATABASE_POOL_TIMEOUT.default),
    DATABASE_STATEMENT_TIMEOUT: upToAnHour().prefault(VARIABLES.DATABASE_STATEMENT_TIMEOUT.default),
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
    TRUSTED_PROXIES: list()
      .transform((networks) => (networks.join() === 'none' ? [] : networks))
      .refine(
        (networks) => networks.every((network) => parseNetwork(network)),
        'must be a comma-separated list of addresses and networks, such as 10.0.0.0/8, or none',
      )
      .prefault(VARIABLES.TRUSTED_PROXIES.default),
    CORS_ORIGINS: z
      .union([z.literal('*'), list().pipe(z.array(z.string().transform(originOf)))], { error: ORIGINS_RULE })
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
    PASSWORDS_AT_ONCE: wholeNumber(1, 1_024).optional(),
    PASSWORDS_WAITING: wholeNumber(0, 10_000).default(Number(VARIABLES.PASSWORDS_WAITING.default)),
    MAX_LOGIN_FAILURES: wholeNumber(1, 1_000_000).default(Number(VARIABLES.MAX_LOGIN_FAILURES.default)),
    MAX_LOGIN_FAILURES_PER_ADDRESS: wholeNumber(1, 1_000_000).default(
      Number(VARIABLES.MAX_LOGIN_FAILURES_PER_ADDRESS.default),
    ),
    MAX_REGISTRATIONS_PER_ADDRESS: wholeNumber(1, 1_000_000).default(
      Number(VARIABLES.MAX_REGISTRATIONS_PER_ADDRESS.default),
    ),
    THROTTLE_LONGEST_WAIT: duration(86_400, 'a duration of up to 1 day such as 30s, 15m or 1h').prefault(
      VARIABLES.THROTTLE_LONGEST_WAIT.default,
    ),
    THROTTLE_FORGETS_AFTER: duration(30 * 86_400, 'a duration of up to 30 days such as 30m, 24h or 7d').prefault(
      VARIABLES.THROTTLE_FORGETS_AFTER.default,
    ),
    RATE_LIMIT_PER_ADDRESS: wholeNumberOrNone(1, 1_000_000_000).prefault(VARIABLES.RATE_LIMIT_PER_ADDRESS.default),
    RATE_LIMIT_PER_USER: wholeNumberOrNone(1, 1_000_000_000).prefault(VARIABLES.RATE_LIMIT_PER_USER.default),
    REGISTRATION: z.enum(['open', 'closed'], 'must be open or closed').optional(),
    MAX_TOKENS_PER_USER: wholeNumber(1, 10_000).default(Number(VARIABLES.MAX_TOKENS_PER_USER.default)),
    MAX_TOKENS_PER_HOUR: wholeNumber(1, 1_000_000).default(Number(VARIABLES.MAX_TOKENS_PER_HOUR.default)),
    TOKEN_LIFETIME: durationOrNone().prefault(VARIABLES.TOKEN_LIFETIME.default),
    TOKEN_IDLE_LIFETIME: durationOrNone().prefault(VARIABLES.TOKEN_IDLE_LIFETIME.default),
    SESSION_LIFETIME: durationOrNone().prefault(VARIABLES.SESSION_LIFETIME.default),
    SESSION_IDLE_LIFETIME: durationOrNone().prefault(VARIABLES.SESSION_IDLE_LIFETIME.default),
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
    HEADERS_TIMEOUT: upToAnHour().prefault(VARIABLES.HEADERS_TIMEOUT.default),
    REQUEST_TIMEOUT: upToAnHour().prefault(VARIABLES.REQUEST_TIMEOUT.default),
    WRITE_TIMEOUT: upToAnHour().prefault(VARIABLES.WRITE_TIMEOUT.default),
    KEEP_ALIVE_TIMEOUT: upToAnHour().prefault(VARIABLES.KEEP_ALIVE_TIMEOUT.default),
    MAX_HEADER_BYTES: wholeNumber(1_024, 1_048_576).default(Number(VARIABLES.MAX_HEADER_BYTES.default)),
    MAX_BODY_BYTES: wholeNumber(1_024, 100_000_000).default(Number(VARIABLES.MAX_BODY_BYTES.default)),
    MAX_CONNECTIONS: wholeNumber(1, 1_000_000).default(Number(VARIABLES.MAX_CONNECTIONS.default)),
    MAX_CONNECTIONS_PER_ADDRESS: z
      .union(
        [z.literal('none').transform(() => null), wholeNumber(1, 1_000_000)],
        'must be a whole number from 1 to 1000000, or none',
      )
      .prefault(VARIABLES.MAX_CONNECTIONS_PER_ADDRESS.default),
    // Requests in flight are given ten.
    SHUTDOWN_GRACE: z
      .union(
        [z.literal('none').transform(() => 0), duration(9)],
        'must be a duration of up to 9 seconds such as 5s, or none',
      )
      .prefault(VARIABLES.SHUTDOWN_GRACE.default),
    METRICS_PORT: wholeNumber(0, 65_535).optional(),
    METRICS_HOST: z.string().default(VARIABLES.METRICS_HOST.default),
    METRICS_TOKEN: z
      .string()
      .regex(/^[!-~]*$/, 'must hold visible ASCII characters alone')
      .refine(isLongEnough, `must have at least ${MIN_SECRET_BYTES} bytes. ${SECRET_HINT}`)
      .optional(),
    OTEL_EXPORTER_OTLP_ENDPOINT: z.string().transform(collectorOf).optional(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().transform(collectorOf).optional(),
    OTEL_EXPORTER_OTLP_PROTOCOL: z.string().default(VARIABLES.OTEL_EXPORTER_OTLP_PROTOCOL.default),
    OTEL_EXPORTER_OTLP_HEADERS: pairs()
      .refine((headers) => Object.entries(headers).every(isHeader), 'must hold names and values that headers may have')
      .optional(),
    OTEL_EXPORTER_OTLP_TIMEOUT: wholeNumber(1, 60_000).default(Number(VARIABLES.OTEL_EXPORTER_OTLP_TIMEOUT.default)),
    OTEL_BSP_SCHEDULE_DELAY: wholeNumber(1, 3_600_000).default(Number(VARIABLES.OTEL_BSP_SCHEDULE_DELAY.default)),
    OTEL_SERVICE_NAME: z.string().optional(),
    OTEL_RESOURCE_ATTRIBUTES: pairs().optional(),
    OTEL_TRACES_SAMPLER: z.string().default(VARIABLES.OTEL_TRACES_SAMPLER.default),
    OTEL_TRACES_SAMPLER_ARG: z.string().default(VARIABLES.OTEL_TRACES_SAMPLER_ARG.default),
    OTEL_SDK_DISABLED: z
      .string()
      .toLowerCase()
      .pipe(z.enum(['true', 'false'], 'must be true or false'))
      .transform((word) => word === 'true')
      .prefault(VARIABLES.OTEL_SDK_DISABLED.default),
    MAX_QUERY_DEPTH: wholeNumber(1, 100).default(Number(VARIABLES.MAX_QUERY_DEPTH.default)),
    MAX_QUERY_ALIASES: wholeNumber(0, 10_000).default(Number(VARIABLES.MAX_QUERY_ALIASES.default)),
    MAX_QUERY_DIRECTIVES: wholeNumber(0, 10_000).default(Number(VARIABLES.MAX_QUERY_DIRECTIVES.default)),
    MAX_QUERY_TOKENS: wholeNumber(1, 100_000).default(Number(VARIABLES.MAX_QUERY_TOKENS.default)),
    MAX_QUERY_VALUES: wholeNumber(1, 10_000_000).default(Number(VARIABLES.MAX_QUERY_VALUES.default)),
    INTROSPECTION: onOrOff().optional(),
    GRAPHIQL: onOrOff().optional(),
    TRUSTED_DOCUMENTS: z.string().optional(),
    AUDIT_RETENTION: durationOrNone()
      .refine(
        (seconds) => seconds === null || seconds >= LEAST_RETENTION_SECONDS,
        'must be a duration of at least 7d, or none',
      )
      .prefault(VARIABLES.AUDIT_RETENTION.default),
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
  .refine((env) => !(env.HEADERS_TIMEOUT > env.REQUEST_TIMEOUT), {
    path: ['HEADERS_TIMEOUT'],
    error: 'must not be longer than REQUEST_TIMEOUT: the headers are part of the request',
    when: always,
  })
  .refine((env) => !(env.WORKERS > 1) || env.DATABASE_URL, {
    path: ['WORKERS'],
    error: 'must be 1 on the embedded database, which belongs to one process. Set DATABASE_URL to a PostgreSQL server',
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
  // A page of any site could use what a browser sends by itself, if ever a rule behind this one were wrong.
  .refine((env) => env.CORS_ORIGINS !== '*' || !isNaming(env.AUTHENTICATION, ['session']), {
    path: ['CORS_ORIGINS'],
    error:
      'must name origins where AUTHENTICATION names session: * would invite every page. Or set AUTHENTICATION=token,jwt',
    when: always,
  })
  // These are set for many programs at once: what is meant for others is no fault where nothing is traced.
  .refine((env) => !isTraced(env) || isProtocol(env.OTEL_EXPORTER_OTLP_PROTOCOL), {
    path: ['OTEL_EXPORTER_OTLP_PROTOCOL'],
    error: `must be ${PROTOCOLS.join(' or ')}, at the port for it (usually 4318). Or set OTEL_SDK_DISABLED=true`,
    when: always,
  })
  .refine((env) => !isTraced(env) || isSampler(env.OTEL_TRACES_SAMPLER), {
    path: ['OTEL_TRACES_SAMPLER'],
    error: `must be one of ${SAMPLERS.join(', ')}`,
    when: always,
  })
  .refine((env) => !isTraced(env) || isRatio(env.OTEL_TRACES_SAMPLER_ARG) || !isRatioSampler(env.OTEL_TRACES_SAMPLER), {
    path: ['OTEL_TRACES_SAMPLER_ARG'],
    error: 'must be a number from 0 to 1',
    when: always,
  })
  .refine((env) => env.NODE_ENV !== 'production' || !env.DATABASE_URL || env.TOKEN_SECRETS, {
    path: ['TOKEN_SECRETS'],
    error: `must be set when NODE_ENV is production and DATABASE_URL is set, the same on every server. ${SECRET_HINT}`,
    when: always,
  });

function upToAnHour() {
  return duration(3_600, 'a duration of up to 1 hour such as 5s or 2m');
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

// Rules that look at two variables are judged even when a third is wrong: one message names them all.
function always(): boolean {
  return true;
}

function isLongEnough(secret: string): boolean {
  return Buffer.byteLength(secret) >= MIN_SECRET_BYTES;
}
