import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, inject } from 'vitest';
import { createLastUsed } from '../src/accounts/last-used.ts';
import { createLoginThrottle } from '../src/accounts/login-throttle.ts';
import { newUserSchema } from '../src/accounts/new-user.ts';
import { createPasswordProofs } from '../src/accounts/password-proofs.ts';
import { createRegistrationThrottle } from '../src/accounts/registration-throttle.ts';
import { createSparseEvents } from '../src/accounts/sparse-events.ts';
import { createThrottleCounters } from '../src/accounts/throttle-counters.ts';
import { createUser, type Standing } from '../src/accounts/users.ts';
import { keyOf } from '../src/auth/key.ts';
import { createPasswords } from '../src/auth/password.ts';
import type { SigningKeys } from '../src/auth/signing-keys.ts';
import { readConfig, tokenRulesOf } from '../src/config.ts';
import { openDatabase } from '../src/database/open.ts';
import { NOBODY } from '../src/database/origin.ts';
import { createLog } from '../src/log.ts';
import { accessTokensOf } from '../src/schemes.ts';
import { createEndpoint } from '../src/serve.ts';
import { openSigningKeys } from '../src/signing-keys.ts';
import { createStreams } from '../src/streams.ts';
import { recordOutput, recordSecret, recordSecrets } from './recorder.ts';

export const TOKEN_SECRET = 't'.repeat(32);
export const PASSWORD = 'a fine long password';

interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a reply is compared with what is expected of it, whole.
  body: any;
}

interface Asked {
  variables?: Record<string, unknown>;
  headers?: Record<string, string>;
  /** The key to send as `Authorization: Token`. */
  key?: string;
}

/** Environment variables that name a database of this test file's own, as a server started on it needs them. */
export async function databaseOfItsOwn(): Promise<{ env: Record<string, string>; drop(): Promise<void> }> {
  const templateUrl = inject('templateUrl');
  if (templateUrl) return copyDatabase(templateUrl);
  const dataDir = mkdtempSync(join(tmpdir(), 'tessera-'));
  cpSync(inject('templateDir') ?? '', dataDir, { recursive: true, filter: (path) => !/\.(sock|pid)$/.test(path) });
  return {
    env: { DATA_DIR: dataDir },
    drop: async () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

async function copyDatabase(templateUrl: string) {
  const name = `tessera_${randomBytes(6).toString('hex')}`;
  const url = new URL(templateUrl);
  const template = url.pathname.slice(1);
  url.pathname = '/postgres';
  const server = new pg.Client({ connectionString: url.href });
  await server.connect();
  await server.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  url.pathname = `/${name}`;
  // A second database would be shared with nobody: secrets made at first start stay in a folder of the file's own.
  const dataDir = mkdtempSync(join(tmpdir(), 'tessera-'));
  return {
    env: { DATABASE_URL: url.href, DATA_DIR: dataDir },
    drop: async () => {
      await server.query(`DROP DATABASE ${name}`);
      await server.end();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A running world for one test file: its own database, the real endpoint, a clock that tests move. */
export async function openWorld(env: Record<string, string> = {}) {
  const own = await databaseOfItsOwn();
  const { config, secrets } = readConfig({
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    REGISTRATION: 'open',
    TOKEN_SECRETS: TOKEN_SECRET,
    ...own.env,
    ...env,
  });
  const logged: string[] = [];
  const log = createLog({ env: 'test', logLevel: 'info' }, { write: note });
  const queries: string[] = [];
  function note(line: string): void {
    logged.push(line);
    recordOutput(line);
  }
  /** What the audit trail is told of refused keys is written behind, and no request's doing. */
  function noteQuery(sql: string): void {
    if (!/^INSERT INTO "public"."AuditEvent"/.test(sql)) queries.push(sql);
  }
  const open = await openDatabase({ config, secrets, log, asServer: true, onQuery: noteQuery });
  afterAll(async () => {
    signingKeys?.close();
    await sparseEvents.settle();
    await open.close();
    await own.drop();
  });
  const clock = { now: new Date() };
  const { database, tokenSecrets, changes } = open;
  // On a server the line is proved a moment after it has been opened.
  while (!changes.areHeard()) await sleep(5);
  // Written when a test says so: nothing else asks the database behind its back.
  const lastUsed = createLastUsed({ database, lifetimes: config.tokenLifetimes, log, now: () => clock.now });
  const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });

  const counters = createThrottleCounters(database, tokenSecrets, config.throttle);
  const sparseEvents = createSparseEvents({ database, log, now: () => clock.now });
  const throttle = createLoginThrottle(counters, {
    rules: config.throttle,
    noteThrottled: sparseEvents.loginThrottled,
    noteFailed: sparseEvents.loginFailed,
  });
  const registrations = createRegistrationThrottle(counters, config.throttle.maxRegistrationsPerAddress);
  const signingKeys = await openSigningKeys(config, secrets, { ...open, log, now: () => clock.now });
  const accessTokens = accessTokensOf(config, signingKeys);
  const streams = createStreams(config, {
    database,
    tokenSecrets,
    accessTokens,
    proveAgain: createPasswordProofs(
      { database, passwords, throttle },
      { noteAccepted: sparseEvents.passwordAccepted, now: () => clock.now },
    ).proveAgain,
    changes,
    log,
    now: () => clock.now,
    hooks: {},
  });

  /** The same server, differently configured. */
  function endpointWith(changes: Record<string, string>, parts: { signingKeys?: SigningKeys } = {}) {
    const other = readConfig({
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      TOKEN_SECRETS: TOKEN_SECRET,
      ...own.env,
      ...changes,
    });
    return createEndpoint(
      other.config,
      other.secrets,
      { ...open, signingKeys, lastUsed, sparseEvents, ...parts },
      log,
      () => clock.now,
    );
  }
  const endpoint = endpointWith({ REGISTRATION: 'open', ...env });

  async function request(query: string, { variables, headers, key }: Asked = {}, to = endpoint): Promise<Reply> {
    const response = await to.fetch('http://tessera.test/graphql', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key ? { authorization: `Token ${key}` } : {}),
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    });
    const body = await response.json();
    recordSecrets({ query, variables });
    recordSecrets(query);
    recordSecrets(body);
    return { status: response.status, headers: response.headers, body };
  }

  let made = 0;
  /** A user who can sign in with PASSWORD, and the key of the token made with it. */
  async function makeUser(username = `user${++made}`, standing: Standing = {}) {
    const newUser = await newUserSchema.parseAsync({
      username,
      password: PASSWORD,
      email: `${username}@example.org`,
    });
    const { user, token } = await createUser(database, passwords, newUser, { ...standing, origin: NOBODY });
    const key = keyOf(token, tokenSecrets);
    for (const secret of [key, PASSWORD]) recordSecret(secret);
    return { user, token, key };
  }

  return {
    config,
    /** For another process on this world's database. */
    env: { NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: TOKEN_SECRET, ...own.env },
    database,
    changes,
    lastUsed,
    sparseEvents,
    tokenSecrets,
    signingKeys,
    accessTokens,
    tokenRules: tokenRulesOf(config),
    streams,
    passwords,
    throttle,
    registrations,
    endpoint,
    endpointWith,
    request,
    makeUser,
    clock,
    queries,
    logged,
  };
}
