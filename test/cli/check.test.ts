import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { fingerprintOf, newTokenId } from '../../src/auth/key.ts';
import { inspect } from '../../src/cli/check/inspect.ts';
import { writeFinding } from '../../src/cli/check/report.ts';
import { openEmbedded } from '../../src/database/embedded.ts';
import { migrationOf } from '../../src/database/triggers.ts';
import { tessera } from '../program.ts';
import { databaseOfItsOwn, openWorld, TOKEN_SECRET } from '../world.ts';

const world = await openWorld();
const { database } = world;
afterEach(() => vi.unstubAllEnvs());
const server = process.env.TEST_DATABASE_URL;
const DRAWN = 'Zr4u7xA2DfG9jL1mQpS5vWyB8cEhKnT0';
const MIGRATIONS = readdirSync(new URL('../../prisma/migrations/', import.meta.url)).filter((name) => /^\d/.test(name));
const [FIRST = ''] = MIGRATIONS;

interface Line {
  level: string;
  subject: string;
  message: string;
  remedy: string | null;
}

function line(level: string, subject: string, message: string, remedy: string | null | undefined = null): Line {
  return { level, subject, message, remedy: remedy ?? null };
}

/** What `tessera check --json` finds. */
async function check(env: Record<string, string>): Promise<{ code: number | null; isFit: boolean; findings: Line[] }> {
  const { code, stdout, stderr } = await tessera(['check', '--json'], env);
  expect(stderr).toBe('');
  return { code, ...JSON.parse(stdout) };
}

/** The findings about this, whole. */
async function found(subject: string, env: Record<string, string>): Promise<Line[]> {
  return (await check(env)).findings.filter((finding) => finding.subject === subject);
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-check-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function run(sql: string): Promise<unknown> {
  return database.$executeRawUnsafe(sql);
}

const LOW_VARIETY = line(
  'warning',
  'secrets',
  'The first secret in TOKEN_SECRETS has so little variety that it can be guessed.',
  'Rotate to one that was drawn: `npx tessera secrets rotate`.',
);
const ANSWERS = line(
  'ok',
  'database',
  server
    ? expect.stringMatching(/^PostgreSQL [\d.]+.* answers\.$/)
    : `The embedded database in ${world.config.dataDir} is open in process ${process.pid}.`,
);
// An embedded database is heard by its owner, whatever happens.
const HEARD = server ? [line('ok', 'changes', 'They are heard, so servers remember whom keys belong to.')] : [];
const NO_SUPERUSER = line(
  'warning',
  'users',
  'There is no superuser yet.',
  'Make one: `npx tessera user create <username> --superuser`.',
);

describe('tessera check', () => {
  it('finds an installation fit to serve while the server runs, in whole', async () => {
    expect(await check(world.env)).toEqual({
      code: 0,
      isFit: true,
      findings: [
        line('ok', 'configuration', 'Every variable is good; NODE_ENV is test.'),
        line('ok', 'permissions', 'What must stay secret is readable by its owner alone.'),
        LOW_VARIETY,
        ANSWERS,
        line('ok', 'migrations', 'The database is up to date.'),
        ...HEARD,
        line('ok', 'secrets', 'One secret, which the database knows.'),
        NO_SUPERUSER,
      ],
    });
  });

  it('says so in plain words where no terminal reads it', async () => {
    const own = await databaseOfItsOwn();
    onTestFinished(own.drop);
    const { code, stdout, stderr } = await tessera(['check'], {
      ...own.env,
      TOKEN_SECRETS: `${DRAWN},${TOKEN_SECRET}`,
      NODE_ENV: 'test',
      FORCE_COLOR: '1',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const database = server
      ? 'PostgreSQL [\\d.]+.* answers\\.'
      : `The embedded database in ${own.env.DATA_DIR} can be opened; no process has it open\\.`;
    expect(stdout).toMatch(
      new RegExp(
        [
          '^ok       configuration  Every variable is good; NODE_ENV is test\\.',
          'ok       permissions    What must stay secret is readable by its owner alone\\.',
          'warning  secrets        The second secret in TOKEN_SECRETS has so little variety that it can be guessed\\. .*',
          `ok       database       ${database}`,
          'ok       migrations     The database is up to date\\.',
          ...(server ? ['ok       changes        They are heard, so servers remember whom keys belong to\\.'] : []),
          'ok       secrets        2 secrets, newest first\\. No server has started with the newest yet: all 0 live tokens rest on an older one\\.',
          'warning  users          There is no superuser yet\\. Make one: `npx tessera user create <username> --superuser`\\.',
          'Fit to serve, with 2 warnings\\.\n$',
        ].join('\n'),
      ),
    );
  });

  it('makes nothing: no directory, no database, no secret', async () => {
    const folder = emptyFolder();
    const dataDir = join(folder, 'not', 'there');
    expect(await check({ DATA_DIR: dataDir })).toEqual({
      code: 0,
      isFit: true,
      findings: [
        line('ok', 'configuration', 'Every variable is good; NODE_ENV is development.'),
        line('ok', 'permissions', `DATA_DIR ${dataDir} does not exist yet; the first start makes it.`),
        line('ok', 'database', `The embedded database in ${dataDir} has not been made yet; the first start makes it.`),
        line('ok', 'secrets', 'There is none yet; the first start makes one in DATA_DIR.'),
      ],
    });
    expect(existsSync(join(folder, 'not'))).toBe(false);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    await check({ DATA_DIR: dataDir });
    expect(statSync(dataDir).nlink).toBe(2);
    expect(existsSync(join(dataDir, 'token-secret'))).toBe(false);
  });

  it('applies no migration and notes no fingerprint', async () => {
    const { env, tables } = await unmigrated();
    const { findings, code } = await check({ ...env, TOKEN_SECRETS: DRAWN });
    expect(code).toBe(0);
    expect(findings.slice(2)).toEqual([
      expect.objectContaining({ level: 'ok', subject: 'database' }),
      line(
        'warning',
        'migrations',
        `The database lacks ${MIGRATIONS.length} migrations: ${MIGRATIONS.join(', ')}.`,
        'The server applies what is lacking when it starts; `npx tessera migrate` does so now.',
      ),
      ...HEARD,
      line('ok', 'secrets', '1 secret; no key has been derived yet.'),
    ]);
    expect(await tables()).toEqual([]);
    await check({ ...world.env, TOKEN_SECRETS: `${DRAWN},${TOKEN_SECRET}` });
    expect(await database.secretFingerprint.count()).toBe(1);
  });

  it('names every bad variable, and judges what does not rest on them', async () => {
    const { code, isFit, findings } = await check({ ...world.env, PORT: 'abc', TOKEN_SECRETS: 'short' });
    expect({ code, isFit }).toEqual({ code: 1, isFit: false });
    expect(findings).toEqual([
      line('wrong', 'configuration', 'PORT must be a whole number from 0 to 65535 (got "abc")'),
      line(
        'wrong',
        'configuration',
        'TOKEN_SECRETS must be a comma-separated list of secrets of at least 32 bytes each. Make one with: npx tessera secrets new',
      ),
      line('ok', 'permissions', 'What must stay secret is readable by its owner alone.'),
      ANSWERS,
      line('ok', 'migrations', 'The database is up to date.'),
      ...HEARD,
      NO_SUPERUSER,
    ]);
  });

  it('judges no other database where DATABASE_URL is bad', async () => {
    const dataDir = join(emptyFolder(), 'data');
    const { findings } = await check({
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      DATA_DIR: dataDir,
      TOKEN_SECRETS: DRAWN,
    });
    expect(findings.map(({ level, subject }) => [level, subject])).toEqual([
      ['wrong', 'configuration'],
      ['ok', 'permissions'],
    ]);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });

  it('says why a database cannot be reached, and what cannot be judged without it', async () => {
    const env = { DATABASE_URL: 'postgresql://ada:hunter2@127.0.0.1:1/tessera', TOKEN_SECRETS: DRAWN };
    const { code, findings } = await check(env);
    expect(code).toBe(1);
    expect(findings.slice(1)).toEqual([
      line('ok', 'permissions', 'What must stay secret is readable by its owner alone.'),
      line(
        'wrong',
        'database',
        'DATABASE_URL cannot be connected to (connect ECONNREFUSED 127.0.0.1:1): nothing listens there. ' +
          'Start PostgreSQL, or correct the host and port. Migrations, keys and users cannot be judged without it.',
      ),
    ]);
  });
});

describe('a database that does not answer', () => {
  it('is waited for no longer than it was told', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const folder = emptyFolder();
    const { port } = silent.address() as AddressInfo;
    writeFileSync(
      join(folder, '.env'),
      `DATABASE_URL=postgresql://ada@127.0.0.1:${port}/x\nTOKEN_SECRETS=${DRAWN}\nDATA_DIR=${folder}`,
      { mode: 0o600 },
    );
    const findings: unknown[] = [];
    for await (const finding of inspect(folder, new Date(), 0.1)) findings.push(finding);
    expect(findings.at(-1)).toEqual({
      level: 'wrong',
      subject: 'database',
      message:
        'DATABASE_URL cannot be connected to: no answer within 0.1 seconds. Migrations, keys and users cannot be judged without it.',
    });
  });
});

describe('the migrations', () => {
  it('are told when they were edited, are of a newer version, or failed', async () => {
    const [before] = await database.$queryRaw<{ checksum: string }[]>`
      SELECT checksum FROM _prisma_migrations WHERE migration_name = ${FIRST}`;
    await run(`UPDATE _prisma_migrations SET checksum = 'edited' WHERE migration_name = '${FIRST}'`);
    await run(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('1', '', '2099_new', now())`,
    );
    await run(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, logs) VALUES ('2', '', '2098_bad', 'no\nspace')`,
    );
    try {
      const { isFit, findings } = await check(world.env);
      expect(isFit).toBe(false);
      expect(findings.filter(({ subject }) => subject === 'migrations')).toEqual([
        line(
          'wrong',
          'migrations',
          'Migration 2098_bad failed before (no space), and nothing is applied until that is resolved. Undo what it left ' +
            'and run `prisma migrate resolve --rolled-back 2098_bad`, or finish by hand what it began and run ' +
            '`prisma migrate resolve --applied 2098_bad`.',
        ),
        line(
          'warning',
          'migrations',
          `Migration ${FIRST} was edited after it was applied; the database keeps what it made then.`,
          'Give it back its text, and put what should change into a new migration.',
        ),
        line(
          'warning',
          'migrations',
          'The database has 2 migrations of a newer version: 2099_new, 2098_bad.',
          'Upgrade Tessera here, unless an older release is meant to run on it.',
        ),
      ]);
    } finally {
      await run(`DELETE FROM _prisma_migrations WHERE id IN ('1', '2')`);
      await run(`UPDATE _prisma_migrations SET checksum = '${before?.checksum}' WHERE migration_name = '${FIRST}'`);
    }
  });
});

describe.skipIf(!server)('changes', () => {
  it('cannot be heard by a DIRECT_DATABASE_URL that nothing listens at: no server starts', async () => {
    const env = { ...world.env, DIRECT_DATABASE_URL: 'postgresql://ada:hunter2@127.0.0.1:1/x' };
    expect(await found('changes', env)).toEqual([
      line(
        'wrong',
        'changes',
        'DIRECT_DATABASE_URL cannot be listened to: connect ECONNREFUSED 127.0.0.1:1.',
        'No server starts without it: correct it, or take it out.',
      ),
    ]);
    expect((await tessera(['migrate'], env)).stderr).toContain(
      'DIRECT_DATABASE_URL cannot be connected to (connect ECONNREFUSED 127.0.0.1:1): nothing listens there.',
    );
  });

  it('are not heard by a DIRECT_DATABASE_URL that names another database', async () => {
    const other = await databaseOfItsOwn();
    onTestFinished(other.drop);
    const reason =
      'what is written by DATABASE_URL is not heard by DIRECT_DATABASE_URL, which must name the same database, past the pooler';
    expect(await found('changes', { ...world.env, DIRECT_DATABASE_URL: other.env.DATABASE_URL ?? '' })).toEqual([
      line(
        'warning',
        'changes',
        `They are not heard, so every request looks its key up: ${reason}.`,
        'See "Poolers" in docs/guides/deployment.md.',
      ),
    ]);
  });
});

describe('the triggers that tell of changes', () => {
  const ENABLE = 'ALTER TABLE "Token" ENABLE ALWAYS TRIGGER tessera_tell_of_token';

  it('are wrong where somebody has switched one off', async () => {
    onTestFinished(() => void run(ENABLE));
    await run('ALTER TABLE "Token" DISABLE TRIGGER tessera_tell_of_token');
    expect(await found('changes', world.env)).toEqual([
      line(
        'wrong',
        'changes',
        'The trigger tessera_tell_of_token is switched off: keys that are revoked stay good where they are remembered.',
        `Run \`${ENABLE}\`, then restart every server.`,
      ),
    ]);
  });

  it.each([
    ['Token', 'tessera_tell_of_token'],
    ['Token', 'tessera_tell_of_token_truncation'],
    ['User', 'tessera_tell_of_user'],
    ['User', 'tessera_tell_of_user_truncation'],
  ])('are wrong where the one of %s named %s is missing, and are mended as is said', async (table, name) => {
    await run(`DROP TRIGGER ${name} ON "${table}"`);
    const folder = MIGRATIONS.find((migration) => migration.endsWith('_tell_of_changes'));
    const file = `prisma/migrations/${folder}/migration.sql`;
    expect(await found('changes', world.env)).toEqual([
      line(
        'wrong',
        'changes',
        `The trigger ${name} is missing: keys that are revoked stay good where they are remembered.`,
        `Run the CREATE TRIGGER and ALTER TABLE of this name in ${file}, then restart every server.`,
      ),
    ]);
    const statements = readFileSync(file, 'utf8').matchAll(
      new RegExp(`^(CREATE TRIGGER|ALTER TABLE "\\w+" ENABLE ALWAYS TRIGGER) ${name}\\b[^;]*;`, 'gm'),
    );
    for (const [statement] of statements) await run(statement);
    expect(await found('changes', world.env)).toEqual(HEARD);
  });
});

describe('the triggers of the audit trail', () => {
  it('are wrong where one is switched off or missing', async () => {
    await run('ALTER TABLE "User" DISABLE TRIGGER tessera_audit_user');
    await run('DROP TRIGGER tessera_keep_all_events ON "AuditEvent"');
    onTestFinished(async () => {
      await run('ALTER TABLE "User" ENABLE TRIGGER tessera_audit_user');
      await run(
        'CREATE TRIGGER tessera_keep_all_events BEFORE TRUNCATE ON "AuditEvent" FOR EACH STATEMENT EXECUTE FUNCTION tessera_keep_events()',
      );
    });
    const folder = MIGRATIONS.find((migration) => migration.endsWith('_audit_trail'));
    expect(await found('audit', world.env)).toEqual([
      line(
        'wrong',
        'audit',
        'The trigger tessera_audit_user is switched off: the audit trail is not whole.',
        'Run `ALTER TABLE "User" ENABLE TRIGGER tessera_audit_user`.',
      ),
      line(
        'wrong',
        'audit',
        'The trigger tessera_keep_all_events is missing: the audit trail is not whole.',
        `Run the CREATE TRIGGER and ALTER TABLE of this name in prisma/migrations/${folder}/migration.sql.`,
      ),
    ]);
  });

  it('are all that the migration makes', () => {
    const folder = MIGRATIONS.find((migration) => migration.endsWith('_audit_trail'));
    const sql = readFileSync(`prisma/migrations/${folder}/migration.sql`, 'utf8');
    const made = [...sql.matchAll(/^CREATE TRIGGER (\w+)/gm)].map(([, name = '']) => name);
    expect(made.map((name) => [name, migrationOf(name)])).toEqual(made.map((name) => [name, folder]));
  });
});

describe('the secrets', () => {
  it('are wrong where the database’s keys were derived from others', async () => {
    expect(await found('secrets', { ...world.env, TOKEN_SECRETS: DRAWN })).toEqual([
      line(
        'wrong',
        'secrets',
        'TOKEN_SECRETS (or the secret kept in DATA_DIR) is not what this database’s keys were derived from. Use the same ' +
          'secret as the other processes on this database. To change it, put the new one in front and keep the old one ' +
          'behind it: TOKEN_SECRETS=new,old.',
      ),
    ]);
  });

  it('are wrong where they are gone, or cut short', async () => {
    const { TOKEN_SECRETS: _given, ...env } = world.env;
    expect(await found('secrets', env)).toEqual([
      line(
        'wrong',
        'secrets',
        'The secret that this database’s keys were derived from is gone: TOKEN_SECRETS is not set, and DATA_DIR has none.',
        'Put it back, in DATA_DIR/token-secret or in TOKEN_SECRETS.',
      ),
    ]);
    const path = join(world.config.dataDir, 'token-secret');
    writeFileSync(path, 'short\n', { mode: 0o600 });
    onTestFinished(() => rmSync(path));
    expect(await found('secrets', env)).toEqual([
      line('wrong', 'secrets', `${path} must hold a secret of at least 32 bytes. Restore it, or set TOKEN_SECRETS.`),
    ]);
  });

  it('are told how many live tokens rest on an older one', async () => {
    const { user } = await world.makeUser();
    const now = new Date();
    const fingerprint = await database.secretFingerprint.create({
      data: { fingerprint: fingerprintOf(DRAWN), firstSeenAt: now },
    });
    onTestFinished(async () => {
      await database.user.deleteMany();
      await database.secretFingerprint.delete({ where: fingerprint });
    });
    await database.token.deleteMany();
    const old = new Date(now.getTime() - 1);
    for (const [name, createdAt, expiresAt] of [
      ['old', old, null],
      ['of that very instant', now, null],
      ['expired', old, old],
      ['alive', old, new Date(now.getTime() + 3_600_000)],
    ] as const) {
      await database.token.create({ data: { id: newTokenId(), userId: user.id, name, createdAt, expiresAt } });
    }
    const env = { ...world.env, TOKEN_SECRETS: `${DRAWN},${TOKEN_SECRET}` };
    const told = async () => (await found('secrets', env)).filter(({ level }) => level === 'ok');
    expect(await told()).toEqual([
      line(
        'ok',
        'secrets',
        `2 secrets, newest first. 2 live tokens made before ${now.toISOString()}, when the newest was first seen, ` +
          'may rest on an older one. Whose key does is refused when that is dropped, and logs in anew.',
      ),
    ]);
    await database.token.deleteMany({ where: { createdAt: old } });
    expect(await told()).toEqual([
      line(
        'ok',
        'secrets',
        `2 secrets, newest first. No live token was made before ${now.toISOString()}, when the newest was first seen. ` +
          'If every server has run with it since then, the older ones can be dropped.',
      ),
    ]);
  });
});

describe('permissions', () => {
  it.each([
    [0o755, 'warning', 'can be entered by others than its owner (its mode is 755).', 'Run `chmod 700 $`.'],
    [0o770, 'wrong', 'must not be writable by others than its owner (its mode is 770). Run `chmod 700 $`.', null],
  ])('of DATA_DIR %o are told', async (mode, level, message, remedy) => {
    const dataDir = emptyFolder();
    chmodSync(dataDir, mode);
    expect(await found('permissions', { DATA_DIR: dataDir })).toEqual([
      line(level, 'permissions', `DATA_DIR ${dataDir} ${message.replace('$', dataDir)}`, remedy?.replace('$', dataDir)),
    ]);
  });

  it('of a secret that others can read are wrong', async () => {
    const dataDir = emptyFolder();
    const path = join(dataDir, 'token-secret');
    writeFileSync(path, `${DRAWN}\n`, { mode: 0o644 });
    expect(await found('permissions', { DATA_DIR: dataDir })).toEqual([
      line(
        'wrong',
        'permissions',
        `${path} can be read by others than its owner (its mode is 644).`,
        `Run \`chmod 600 ${path}\`; whoever has read it can make keys: rotate it.`,
      ),
    ]);
  });

  it.each([
    ['a secret, in production', `NODE_ENV=production\nTOKEN_SECRETS=${DRAWN}`, 0o644, 'wrong'],
    ['a secret', `TOKEN_SECRETS=${DRAWN}`, 0o644, 'warning'],
    ['a password', 'DATABASE_URL=postgresql://ada:pw@127.0.0.1:1/x', 0o644, 'warning'],
    [
      'a password in DIRECT_DATABASE_URL',
      'DATABASE_URL=postgresql://ada@127.0.0.1:1/x\nDIRECT_DATABASE_URL=postgresql://ada:pw@127.0.0.1:1/x',
      0o644,
      'warning',
    ],
    ['a secret for its group', `TOKEN_SECRETS=${DRAWN}`, 0o640, 'ok'],
    ['no secret', 'PORT=4001', 0o644, 'ok'],
  ])('of a .env file with %s are judged', async (_case, text, mode, level) => {
    vi.stubEnv('NODE_ENV', undefined);
    const folder = emptyFolder();
    writeFileSync(join(folder, '.env'), `${text}\nDATA_DIR=${folder}\n`, { mode });
    const findings: unknown[] = [];
    for await (const finding of inspect(folder, new Date())) {
      if (finding.subject === 'permissions') findings.push(finding);
    }
    const isBad = level !== 'ok';
    expect(findings).toEqual([
      {
        level,
        subject: 'permissions',
        message: isBad
          ? `${folder}/.env holds secrets and can be read by every user of this machine (its mode is 644).`
          : 'What must stay secret is readable by its owner alone.',
        ...(isBad ? { remedy: `Run \`chmod 600 ${folder}/.env\`.` } : {}),
      },
    ]);
  });
});

describe('users', () => {
  it('without a live login token are counted, unless a token made by hand has its name', async () => {
    const { user } = await world.makeUser(undefined, { isSuperuser: true });
    onTestFinished(async () => {
      await database.user.deleteMany();
    });
    expect(await found('users', world.env)).toEqual([line('ok', 'users', '1 user, each with a live login token.')]);
    await database.token.updateMany({ data: { expiresAt: new Date(0) } });
    expect(await found('users', world.env)).toEqual([
      line(
        'warning',
        'users',
        '1 user without a live login token.',
        'The first login makes one; `npx tessera token backfill` makes them all now.',
      ),
    ]);
    await database.token.updateMany({ data: { expiresAt: null, kind: 'API' }, where: { userId: user.id } });
    expect(await found('users', world.env)).toEqual([line('ok', 'users', '1 user, each with a live login token.')]);
  });
});

describe('production', () => {
  it('is warned of open registration, and of an embedded database', async () => {
    const dataDir = join(emptyFolder(), 'data');
    const env = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://tessera.test',
      REGISTRATION: 'open',
      DATA_DIR: dataDir,
      TOKEN_SECRETS: DRAWN,
    };
    const { code, findings } = await check({
      ...env,
      PASSWORD_PEPPER: 'pepper'.repeat(6),
      METRICS_TOKEN: 'token'.repeat(7),
    });
    expect({ code, warnings: findings.filter(({ level }) => level === 'warning') }).toEqual({
      code: 0,
      warnings: [
        line(
          'warning',
          'registration',
          'Anybody can make an account: REGISTRATION is open in production.',
          'Set REGISTRATION=closed, unless anybody may have an account here.',
        ),
        line(
          'warning',
          'secrets',
          'PASSWORD_PEPPER has so little variety that it can be guessed.',
          'Make one with `npx tessera secrets new`; changing it ends every password, so best before there are any.',
        ),
        line(
          'warning',
          'secrets',
          'METRICS_TOKEN has so little variety that it can be guessed.',
          'Make one with `npx tessera secrets new`, and give it to Prometheus.',
        ),
        line(
          'warning',
          'database',
          'The embedded database does not fsync: a power cut can lose what was acknowledged.',
          'Set DATABASE_URL to a PostgreSQL server for what must not be lost.',
        ),
      ],
    });
  });
});

it('says whether the trusted documents can be run, and of which one why not', async () => {
  const file = join(emptyFolder(), 'manifest.json');
  const env = { ...world.env, TRUSTED_DOCUMENTS: file };
  writeFileSync(file, JSON.stringify({ a1: 'query Me { me { id } }' }));
  expect(await found('documents', env)).toEqual([
    line('ok', 'documents', `Every operation that ${file} lists can be run.`),
  ]);
  writeFileSync(file, JSON.stringify({ a1: 'query Me { me { nothing } }' }));
  expect(await found('documents', env)).toEqual([
    line(
      'wrong',
      'documents',
      expect.stringMatching(/"a1": Me: Cannot query field "nothing" on type "User"/) as string,
    ),
  ]);
  expect(await found('documents', world.env)).toEqual([]);
});

describe('a finding', () => {
  const finding = {
    level: 'wrong',
    subject: 'database',
    message: 'It is \u001b[2Jbroken.',
    remedy: 'Mend it well.',
  } as const;

  it('is broken at words for a terminal, and steers none', () => {
    expect(writeFinding(finding, 40)).toBe(
      ['✗ database       It is \\u{1b}[2Jbroken.', '                 Mend it well.', ''].join('\n'),
    );
  });

  it('is one line of plain words elsewhere', () => {
    expect(writeFinding(finding, null)).toBe('wrong    database       It is \\u{1b}[2Jbroken. Mend it well.\n');
  });
});

/** A database in which nothing has been made yet, and the names of its tables. */
async function unmigrated(): Promise<{ env: Record<string, string>; tables(): Promise<string[]> }> {
  const sql = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`;
  async function tablesOf(pool: pg.Pool): Promise<string[]> {
    const { rows } = await pool.query<{ table_name: string }>(sql);
    await pool.end();
    return rows.map(({ table_name }) => table_name);
  }
  if (!server) {
    const dataDir = emptyFolder();
    await (await openEmbedded({ dataDir, mode: 'serve' })).close();
    return {
      env: { DATA_DIR: dataDir },
      async tables() {
        const embedded = await openEmbedded({ dataDir, mode: 'serve' });
        return tablesOf(new pg.Pool(embedded.poolOptions)).finally(() => embedded.close());
      },
    };
  }
  const admin = new pg.Pool({ connectionString: server });
  const name = `tessera_check_${process.pid}`;
  await admin.query(`CREATE DATABASE ${name}`);
  onTestFinished(async () => {
    await admin.query(`DROP DATABASE ${name}`);
    await admin.end();
  });
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    env: { DATABASE_URL: url.href, DATA_DIR: emptyFolder() },
    tables: () => tablesOf(new pg.Pool({ connectionString: url.href })),
  };
}
