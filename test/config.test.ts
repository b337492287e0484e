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
        queryLimits: { depth: 20, aliases: 30, directives: 50, tokens: 1_000, values: 10_000 },
        hasIntrospection: true,
        hasGraphiQL: true,
        trustedDocuments: null,
        logLevel: 'info',
      },
      secrets: { tokenSecrets: null, passwordPepper: null, jwtKeys: null, metricsToken: null },
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
