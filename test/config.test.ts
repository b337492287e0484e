import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { VARIABLES } from '../src/config/variables.ts';
import { loadConfig, readConfig } from '../src/config.ts';

const SECRET = 's'.repeat(32);

function messageOf(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The configuration was accepted.');
}

afterEach(() => vi.unstubAllEnvs());

describe('the configuration', () => {
  it('stands by itself when nothing is set', () => {
    expect(readConfig({})).toEqual({
      config: {
        env: 'development',
        host: '127.0.0.1',
        port: 4000,
        workers: 1,
        databaseUrl: null,
        directDatabaseUrl: null,
        databasePool: { size: 10, waitSeconds: 5, statementSeconds: 10 },
        dataDir: '.tessera',
        publicUrl: null,
        trustedOrigins: [],
        trustedProxies: ['127.0.0.0/8', '::1'],
        corsOrigins: [],
        authentication: ['token', 'jwt', 'session'],
        tokenKeyword: 'Token',
        bcryptCost: 12,
        passwordQueue: { atOnce: Math.max(1, availableParallelism() - 1), waiting: 32 },
        throttle: {
          maxFailures: 5,
          maxFailuresPerAddress: 100,
          maxRegistrationsPerAddress: 50,
          longestWaitSeconds: 15 * 60,
          forgottenAfterSeconds: 24 * 3_600,
        },
        rateLimits: { perAddress: 1_200, perUser: 6_000 },
        auditRetentionSeconds: 90 * 86_400,
        registration: 'open',
        maxTokensPerUser: 100,
        maxTokensPerHour: 1_000,
        tokenLifetimes: {
          LOGIN: { lifetimeSeconds: null, idleLifetimeSeconds: 90 * 86_400 },
          SESSION: { lifetimeSeconds: 30 * 86_400, idleLifetimeSeconds: 7 * 86_400 },
        },
        jwt: {
          issuer: null,
          audience: null,
          accessLifetimeSeconds: 300,
          refreshLifetimeSeconds: 14 * 86_400,
          check: 'signature',
        },
        viewerCacheSize: 50_000,
        http: {
          headersMs: 10_000,
          requestMs: 30_000,
          keepAliveMs: 5_000,
          stalledMs: 30_000,
          headerBytes: 16_384,
          bodyBytes: 1_000_000,
          connections: 10_000,
          connectionsPerAddress: 256,
        },
        shutdownGraceSeconds: 5,
        metrics: { host: '127.0.0.1', port: null },
        tracing: null,
        queryLimits: { depth: 20, aliases: 30, directives: 50, tokens: 1_000, values: 10_000 },
        hasIntrospection: true,
        hasGraphiQL: true,
        trustedDocuments: null,
        logLevel: 'info',
      },
      secrets: { tokenSecrets: null, passwordPepper: null, jwtKeys: null, metricsToken: null, tracingHeaders: null },
    });
  });

  it('names every bad variable in one message, with rule and value', () => {
    expect(
      messageOf({
        PORT: 'abc',
        BCRYPT_COST: '9',
        REGISTRATION: 'maybe',
        TOKEN_KEYWORD: 'two words',
        LOG_LEVEL: 'loud',
        NODE_ENV: 'prod',
      }).split('\n'),
    ).toEqual([
      'The configuration is not usable:',
      '  PORT must be a whole number from 0 to 65535 (got "abc")',
      '  TOKEN_KEYWORD must be one word of letters, digits and hyphens (got "two words")',
      '  REGISTRATION must be open or closed (got "maybe")',
      '  LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent (got "loud")',
      '  NODE_ENV must be development, production or test (got "prod")',
      '  BCRYPT_COST must be a whole number from 10 to 15 (got "9")',
    ]);
  });

  it('shows no secret in its messages', () => {
    const message = messageOf({
      DATABASE_URL: 'mysql://root:hunter2@host/db',
      TOKEN_SECRETS: `${SECRET},short-one`,
      PASSWORD_PEPPER: 'salty',
      METRICS_TOKEN: 'guessable',
    });
    expect(message).toContain('DATABASE_URL must be a postgresql:// URL');
    expect(message).toContain('TOKEN_SECRETS must be a comma-separated list of secrets of at least 32 bytes each');
    expect(message).toContain('PASSWORD_PEPPER must have at least 32 bytes');
    expect(message).toContain('METRICS_TOKEN must have at least 32 bytes');
    expect(message).not.toMatch(/hunter2|short-one|salty|guessable|ssss/);
  });

  it('asks for TOKEN_SECRETS in production on a database server, and says how to make one', () => {
    const env = { NODE_ENV: 'production', PUBLIC_URL: 'https://api.test', DATABASE_URL: 'postgresql://db/tessera' };
    expect(messageOf(env)).toMatch(/TOKEN_SECRETS must be set .* Make one with: npx tessera secrets new/);
    expect(readConfig({ ...env, TOKEN_SECRETS: ` ${SECRET}1 , ${SECRET}2 ` }).secrets.tokenSecrets).toEqual([
      `${SECRET}1`,
      `${SECRET}2`,
    ]);
    expect(readConfig({ NODE_ENV: 'production', AUTHENTICATION: 'token' }).secrets.tokenSecrets).toBeNull();
  });

  it('asks for PUBLIC_URL in production, where something follows from it', () => {
    const env = { NODE_ENV: 'production', AUTHENTICATION: 'token,session' };
    expect(messageOf(env)).toMatch(/PUBLIC_URL must be set when NODE_ENV is production .* https:\/\/api\.example\.org/);
    expect(readConfig({ ...env, AUTHENTICATION: 'token' }).config.publicUrl).toBeNull();
    expect(readConfig({ ...env, PUBLIC_URL: 'https://API.test/' }).config.publicUrl).toBe('https://api.test');
  });

  it.each(['api.test', 'https://api.test/graphql', 'ftp://api.test', 'https://ada@api.test', 'https://api.test?a'])(
    'takes %s for no PUBLIC_URL',
    (PUBLIC_URL) => {
      expect(messageOf({ PUBLIC_URL })).toContain('PUBLIC_URL must be the http or https URL of an origin');
    },
  );

  it('takes origins of other pages one by one, or all where no cookie is', () => {
    const origins = (CORS_ORIGINS: string) => readConfig({ CORS_ORIGINS, AUTHENTICATION: 'token' }).config.corsOrigins;
    expect(origins('https://App.example.org/, http://localhost:5173')).toEqual([
      'https://app.example.org',
      'http://localhost:5173',
    ]);
    expect(origins('*')).toBe('*');
    expect(messageOf({ CORS_ORIGINS: '*' })).toContain(
      'CORS_ORIGINS must name origins where AUTHENTICATION names session',
    );
    for (const wrong of ['null', '*,https://app.example.org', 'https://*.example.org', 'https://app.example.org/app']) {
      expect(messageOf({ CORS_ORIGINS: wrong, AUTHENTICATION: 'token' })).toContain(
        'CORS_ORIGINS must be http or https',
      );
    }
  });

  it('takes each way in once, in the order given, and Basic over no plain HTTP', () => {
    expect(readConfig({ AUTHENTICATION: 'session, basic' }).config.authentication).toEqual(['session', 'basic']);
    expect(messageOf({ AUTHENTICATION: 'token,magic' })).toContain(
      'AUTHENTICATION must be a comma-separated list of token, jwt, session, basic (got "token,magic")',
    );
    expect(messageOf({ AUTHENTICATION: 'jwt,jwt' })).toContain('AUTHENTICATION must name each way in once');
    const basic = { AUTHENTICATION: 'token,basic' };
    expect(messageOf({ ...basic, PUBLIC_URL: 'http://api.test' })).toContain(
      'AUTHENTICATION must not name session or basic where PUBLIC_URL is plain HTTP',
    );
    expect(readConfig({ ...basic, PUBLIC_URL: 'http://localhost:4000' }).config.authentication).toContain('basic');
  });

  it('lets tests alone hash cheaply', () => {
    expect(readConfig({ BCRYPT_COST: '4', NODE_ENV: 'test' }).config.bcryptCost).toBe(4);
    expect(messageOf({ BCRYPT_COST: '4' })).toContain('BCRYPT_COST must be a whole number from 10 to 15 (got "4")');
    expect(messageOf({ BCRYPT_COST: '16' })).toContain('BCRYPT_COST must be a whole number from 10 to 15 (got "16")');
  });

  it('opens registration on the embedded database outside production alone, unless told otherwise', () => {
    const url = { DATABASE_URL: 'postgresql://db/tessera' };
    expect(readConfig({}).config.registration).toBe('open');
    expect(readConfig({ NODE_ENV: 'production', AUTHENTICATION: 'token' }).config.registration).toBe('closed');
    expect(readConfig(url).config.registration).toBe('closed');
    expect(readConfig({ ...url, REGISTRATION: 'open' }).config.registration).toBe('open');
  });

  it('takes an empty variable as one that is not set', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: ' ' }).config).toMatchObject({ port: 4000, databaseUrl: null });
  });

  it('reads a .env file, over which the environment wins', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tessera-config-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, '.env'), 'PORT=5001\nTOKEN_KEYWORD="Bearer"\n');
    vi.stubEnv('PORT', '5002');
    expect(loadConfig(folder).config).toMatchObject({ port: 5002, tokenKeyword: 'Bearer' });
  });

  it('traces nothing unless it is told where to send it', () => {
    const meant = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'xray', OTEL_SERVICE_NAME: 'others' };
    expect(readConfig(meant).config.tracing).toBeNull();
    const off = { ...meant, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_SDK_DISABLED: 'True' };
    expect(readConfig(off).config.tracing).toBeNull();
    expect(readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }).config.tracing).toEqual({
      url: 'http://collector:4318/v1/traces',
      protocol: 'http/protobuf',
      timeoutMs: 10_000,
      delayMs: 5_000,
      attributes: { 'service.name': 'tessera' },
      sampler: 'parentbased_always_on',
      ratio: 1,
    });
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.test/base/' }, 'https://c.test/base/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.test/?to=a' }, 'https://c.test/v1/traces?to=a'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c.test/own' }, 'https://c.test/own'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.test', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://d.test' },
      'https://d.test/',
    ],
  ])('finds the collector by %j', (env, url) => {
    expect(readConfig(env).config.tracing?.url).toBe(url);
  });

  it('says what of a collector’s variables is no good, and shows none of its secrets', () => {
    const lines = messageOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:hunter2@collector:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key',
      OTEL_RESOURCE_ATTRIBUTES: 'a=%',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '1.1',
      OTEL_SDK_DISABLED: 'yes',
    }).split('\n');
    const pairs = 'must be name=value pairs, comma-separated, values percent-encoded';
    expect(lines.slice(1).map((line) => line.trim())).toEqual([
      'OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL without a user, such as http://127.0.0.1:4318; what the ' +
        'collector asks for goes into OTEL_EXPORTER_OTLP_HEADERS',
      `OTEL_EXPORTER_OTLP_HEADERS ${pairs}`,
      `OTEL_RESOURCE_ATTRIBUTES ${pairs} (got "a=%")`,
      'OTEL_SDK_DISABLED must be true or false (got "yes")',
      'OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json, at the port for it (usually 4318). Or set ' +
        'OTEL_SDK_DISABLED=true (got "grpc")',
      'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1 (got "1.1")',
    ]);
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c.test' };
    expect(messageOf({ ...endpoint, OTEL_TRACES_SAMPLER: 'jaeger_remote' })).toContain(
      'OTEL_TRACES_SAMPLER must be one of always_on, ',
    );
    for (const OTEL_EXPORTER_OTLP_HEADERS of ['a b=c', 'a=%0Ainjected', 'a=%C3%A9', '=hidden']) {
      const message = messageOf({ ...endpoint, OTEL_EXPORTER_OTLP_HEADERS });
      expect(message).toContain('OTEL_EXPORTER_OTLP_HEADERS must ');
      expect(message).not.toMatch(/injected|hidden|got/);
    }
  });

  it('is listed in the guide as it is', () => {
    const guide = readFileSync(new URL('../docs/guides/configuration.md', import.meta.url), 'utf8');
    const listed = [...guide.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$/gm)].map(([, name, fallback, about]) => ({
      name,
      default: fallback?.replaceAll('`', ''),
      about,
    }));
    expect(listed).toEqual(
      Object.entries(VARIABLES).map(([name, variable]) => ({ name, default: variable.default, about: variable.about })),
    );
  });
});
