interface Variable {
  /** As docs/guides/configuration.md shows it. */
  default: string;
  about: string;
}

/** Every variable that is read, in the order of docs/guides/configuration.md; a test compares the two. */
export const VARIABLES = {
  HOST: { default: '127.0.0.1', about: 'The address to listen on.' },
  PORT: { default: '4000', about: 'The port to listen on; 0 takes any free one.' },
  WORKERS: {
    default: '1',
    about: 'How many processes serve behind the port, 1 to 64; more than one needs DATABASE_URL.',
  },
  DATABASE_URL: {
    default: 'none: the embedded database',
    about: 'A PostgreSQL 14+ server, as `postgresql://user:password@host:5432/name`.',
  },
  DIRECT_DATABASE_URL: {
    default: 'DATABASE_URL',
    about: 'The server itself, where `DATABASE_URL` goes through a pooler: changes are heard and migrations run there.',
  },
  DATABASE_POOL_SIZE: {
    default: '10',
    about:
      'How many connections to the database each process keeps at most, 1 to 1000, beside two that hear of changes.',
  },
  DATABASE_POOL_TIMEOUT: {
    default: '5s',
    about: 'How long a request waits for one of them before it is refused as `OVERLOADED`: a duration of up to 1 hour.',
  },
  DATABASE_STATEMENT_TIMEOUT: {
    default: '10s',
    about:
      'How long one statement of a request may take: a duration of up to 1 hour. Commands and migrations may take longer.',
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
  TRUSTED_PROXIES: {
    default: '127.0.0.0/8,::1',
    about: 'Addresses and networks of proxies, whose `X-Forwarded-For` is believed, comma-separated, or `none`.',
  },
  CORS_ORIGINS: {
    default: 'none',
    about: 'Origins whose pages may ask this server with a key, but never with the cookie, comma-separated; `*`: all.',
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
  PASSWORDS_AT_ONCE: {
    default: 'the cores less one, at least 1',
    about: 'How many passwords are checked at once; each check keeps a core busy.',
  },
  PASSWORDS_WAITING: {
    default: '32',
    about: 'How many passwords may wait to be checked, 0 to 10000; one more is refused as `OVERLOADED`.',
  },
  MAX_LOGIN_FAILURES: {
    default: '5',
    about: 'How often a password may be wrong for a username, and from one address, before each further try must wait.',
  },
  MAX_LOGIN_FAILURES_PER_ADDRESS: {
    default: '100',
    about: 'The same of an address, whatever the usernames: many people may share one.',
  },
  MAX_REGISTRATIONS_PER_ADDRESS: {
    default: '50',
    about: 'How many users may register from one address before each further one must wait.',
  },
  THROTTLE_LONGEST_WAIT: {
    default: '15m',
    about: 'The first wait is one second, each further one twice as long, up to this: a duration of up to 1 day.',
  },
  THROTTLE_FORGETS_AFTER: {
    default: '24h',
    about:
      'How long after the last wrong password or registration none counts any more, and in which as many fade as are free: a duration of up to 30 days.',
  },
  RATE_LIMIT_PER_ADDRESS: {
    default: '1200',
    about: 'Requests a minute from one address that are no user’s, or are refused for their credential; or `none`.',
  },
  RATE_LIMIT_PER_USER: {
    default: '6000',
    about: 'Requests a minute of one user, or `none`. Each node counts for itself.',
  },
  REGISTRATION: {
    default: 'open on the embedded database outside production, else closed',
    about: '`open` or `closed`: may anybody call createUser, or staff alone.',
  },
  MAX_TOKENS_PER_USER: {
    default: '100',
    about: 'How many live tokens a user may have, 1 to 10000; one place is kept for the login token `default`.',
  },
  MAX_TOKENS_PER_HOUR: {
    default: '1000',
    about:
      'How many tokens a user may make and rotate within an hour, 1 to 1000000; one more is refused as `THROTTLED`.',
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
  HEADERS_TIMEOUT: {
    default: '10s',
    about:
      'How long a client may take to send a request’s headers: a duration of up to 1 hour, not above REQUEST_TIMEOUT.',
  },
  REQUEST_TIMEOUT: {
    default: '30s',
    about: 'How long a client may take to send a whole request: a duration of up to 1 hour.',
  },
  WRITE_TIMEOUT: {
    default: '30s',
    about: 'How long an answer may wait for a client that does not read it: a duration of up to 1 hour.',
  },
  KEEP_ALIVE_TIMEOUT: {
    default: '5s',
    about:
      'How long a connection stays open for the next request: a duration of up to 1 hour. A proxy’s must be shorter.',
  },
  MAX_HEADER_BYTES: { default: '16384', about: 'How long a request’s headers may be, 1024 to 1048576; longer is 431.' },
  MAX_BODY_BYTES: { default: '1000000', about: 'How long a request’s body may be, 1024 to 100000000; longer is 413.' },
  MAX_CONNECTIONS: { default: '10000', about: 'How many connections a node takes, 1 to 1000000; one more is closed.' },
  MAX_CONNECTIONS_PER_ADDRESS: {
    default: '256',
    about:
      'How many connections one IPv4 address or IPv6 /64 may have, 1 to 1000000, or `none`; this machine has no such limit.',
  },
  SHUTDOWN_GRACE: {
    default: '5s',
    about:
      'How long connections that a proxy keeps open are still served at shutdown: a duration of up to 9 seconds, or `none`.',
  },
  METRICS_PORT: {
    default: 'none',
    about: 'A port of its own for `/metrics`, in Prometheus’ format; 0 takes any free one.',
  },
  METRICS_HOST: { default: '127.0.0.1', about: 'The address on which METRICS_PORT is listened on.' },
  METRICS_TOKEN: {
    default: 'none',
    about: 'At least 32 bytes that `/metrics` asks for, as a Bearer token; without METRICS_PORT it is served at PORT.',
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    default: 'none: nothing is traced',
    about: 'A collector of OpenTelemetry, such as `http://127.0.0.1:4318`, to whose `/v1/traces` traces are sent.',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    default: 'OTEL_EXPORTER_OTLP_ENDPOINT with /v1/traces',
    about: 'The URL itself to which traces are sent.',
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    default: 'http/protobuf',
    about: '`http/protobuf` or `http/json`; gRPC is not spoken.',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    default: 'none',
    about: 'Headers for the collector, as `name=value`, comma-separated, values percent-encoded. A secret.',
  },
  OTEL_EXPORTER_OTLP_TIMEOUT: {
    default: '10000',
    about: 'For how many milliseconds a batch is tried to be sent, 1 to 60000.',
  },
  OTEL_BSP_SCHEDULE_DELAY: {
    default: '5000',
    about: 'After how many milliseconds at the latest what has been traced is sent, 1 to 3600000.',
  },
  OTEL_SERVICE_NAME: { default: 'tessera', about: 'Under which name traces show the server.' },
  OTEL_RESOURCE_ATTRIBUTES: {
    default: 'none',
    about:
      'What else they say of it, as `deployment.environment.name=staging`, comma-separated, values percent-encoded.',
  },
  OTEL_TRACES_SAMPLER: {
    default: 'parentbased_always_on',
    about:
      'What is traced: `always_on`, `always_off`, `traceidratio`, or, where the caller has not decided, `parentbased_always_on`, `parentbased_always_off`, `parentbased_traceidratio`.',
  },
  OTEL_TRACES_SAMPLER_ARG: { default: '1', about: 'The part that a `traceidratio` takes, 0 to 1.' },
  OTEL_SDK_DISABLED: { default: 'false', about: '`true`: nothing is traced, whatever else is set.' },
  MAX_QUERY_DEPTH: { default: '20', about: 'How deep fields may nest within one another, 1 to 100.' },
  MAX_QUERY_ALIASES: {
    default: '30',
    about: 'How many aliases an operation may have, 0 to 10000; those of a fragment count wherever it is spread.',
  },
  MAX_QUERY_DIRECTIVES: {
    default: '50',
    about: 'How many directives an operation may have, 0 to 10000; those of a fragment count wherever it is spread.',
  },
  MAX_QUERY_TOKENS: {
    default: '1000',
    about: 'How many tokens (words, signs, comments) a document may have, 1 to 100000.',
  },
  MAX_QUERY_VALUES: {
    default: '10000',
    about: 'How many values an operation’s pages may multiply into, 1 to 10000000.',
  },
  INTROSPECTION: {
    default: 'on outside production, else off',
    about: '`on` or `off`: may anybody ask what the schema holds; when off, no error suggests a name either.',
  },
  GRAPHIQL: {
    default: 'on in development, else off',
    about: '`on` or `off`: is GraphiQL served to browsers.',
  },
  TRUSTED_DOCUMENTS: {
    default: 'none: any document',
    about: 'A manifest of the only operations that are run, a JSON file: what your clients’ build makes.',
  },
  AUDIT_RETENTION: {
    default: '90d',
    about: 'How long the audit trail keeps an event: a duration of at least 7 days, or `none`, for ever.',
  },
  LOG_LEVEL: {
    default: 'info',
    about: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
  },
  NODE_ENV: {
    default: 'development',
    about: '`development`, `production` or `test`; several defaults follow from it.',
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
