import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { leastIdAt } from '../../src/accounts/audit-list.ts';
import { AuditEventKind } from '../../src/database/generated/prisma/client.ts';
import { globalIdOf } from '../../src/graphql/global-id.ts';
import { startTessera, tessera } from '../program.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, makeUser } = world;
const env: Record<string, string> = world.env;
const DAY_MS = 86_400_000;

const tail = (...options: string[]) => tessera(['audit', 'tail', ...options], env);

/** Events of so many days ago, one a minute, with ids of their time. */
async function plant(days: number, count: number): Promise<void> {
  const data = Array.from({ length: count }, (_, n) => {
    const at = new Date(Date.now() - days * DAY_MS + n * 60_000);
    return { id: leastIdAt(at.getTime()), at, kind: 'LOGIN_FAILED' as const };
  });
  await database.auditEvent.createMany({ data });
}

describe('audit tail', () => {
  it('prints the newest events, the last one last, with whose and whose doing they are', async () => {
    const { user } = await makeUser('ada');
    const boss = await makeUser('boss');
    await database.auditEvent.create({
      data: {
        kind: 'LOGIN_FAILED',
        userId: user.id,
        address: '203.0.113.7',
        requestId: 'req-1',
        userAgent: 'curl/8 \u001b[31mred',
      },
    });
    await database.auditEvent.create({ data: { kind: 'USER_DEACTIVATED', userId: user.id, actorId: boss.user.id } });
    const { code, stdout, stderr } = await tail('-n', '2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/, ''))).toEqual([
      'LOGIN_FAILED       ada  from 203.0.113.7  request req-1  curl/8 \\u{1b}[31mred',
      'USER_DEACTIVATED   ada  by boss',
      '',
    ]);
  });

  it('prints an object a line with --json, of one user and of one kind', async () => {
    const { user, token } = await makeUser('carol');
    const { stdout } = await tail('--json', '--user', 'carol', '--kind', 'TOKEN_CREATED');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        id: expect.any(String),
        kind: 'TOKEN_CREATED',
        at: expect.any(String),
        actor: null,
        user: { id: globalIdOf('User', user.id), username: 'carol' },
        tokenId: globalIdOf('Token', token.id),
        address: null,
        userAgent: null,
        requestId: null,
      },
    ]);
  });

  it('tells of a user who is deleted, by the id that it shows', async () => {
    const { user } = await makeUser('gone');
    await database.user.delete({ where: { id: user.id } });
    const id = globalIdOf('User', user.id);
    const { stdout } = await tail('--user', id, '-n', '1');
    expect(stdout).toContain(`  ${id}`);
  });

  it('goes on with what comes, until it is stopped, and shows nothing twice', async () => {
    const { user } = await makeUser('dan');
    const following = startTessera(['audit', 'tail', '--follow', '--user', 'dan', '-n', '1'], env);
    const lines = () => following.output.stdout.split('\n').filter(Boolean);
    await expect.poll(lines, { timeout: 30_000 }).toHaveLength(1);
    await database.user.update({ where: { id: user.id }, data: { isActive: false } });
    await expect.poll(lines, { timeout: 30_000 }).toHaveLength(2);
    await database.user.update({ where: { id: user.id }, data: { isActive: true } });
    await expect.poll(lines, { timeout: 30_000 }).toHaveLength(3);
    // One that was written by a transaction that ended late, and is older.
    await database.auditEvent.create({
      data: {
        id: leastIdAt(Date.now() - 20_000),
        kind: 'LOGIN_SUCCEEDED',
        userId: user.id,
      },
    });
    await expect.poll(lines, { timeout: 30_000 }).toHaveLength(4);
    expect(
      lines()
        .slice(1)
        .map((line) => line.split(/ +/)[1]),
    ).toEqual(['USER_DEACTIVATED', 'USER_ACTIVATED', 'LOGIN_SUCCEEDED']);
    following.child.kill('SIGINT');
    expect(await following.finished).toMatchObject({ code: 130, stderr: '' });
    expect(lines()).toHaveLength(4);
  });

  it.each([
    [['-n', '-1'], 'It must be a whole number from 0 to 10000.'],
    [['--kind', 'NONE'], 'Allowed choices are'],
    [['--user', 'nobody'], 'There is no user nobody.'],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await tail(...options);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  it('tells of what the command line has done, and who ran it', async () => {
    await makeUser('eve');
    await tessera(['user', 'deactivate', 'eve'], env);
    const { stdout } = await tail('--user', 'eve', '-n', '1');
    expect(stdout).toMatch(/USER_DEACTIVATED {3}eve {2}command line( \(\w+\))?\n$/);
  });
});

describe('audit prune', () => {
  it('removes what is older than AUDIT_RETENTION, or than it is told, and nothing of the last week', async () => {
    const before = await database.auditEvent.count();
    await plant(100, 3);
    await plant(80, 4);
    await plant(10, 5);
    const prune = (...options: string[]) => tessera(['audit', 'prune', ...options], env);
    expect(await prune('--dry-run')).toMatchObject({ code: 0, stdout: 'Would remove 3 events older than 90d.\n' });
    expect(await prune()).toMatchObject({ code: 0, stdout: 'Removed 3 events older than 90d.\n' });
    expect(await prune('--older-than', '30d')).toMatchObject({ stdout: 'Removed 4 events older than 30d.\n' });
    expect(await database.auditEvent.count()).toBe(before + 5);
    expect(await prune('--older-than', '6d')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--older-than must be at least 7d (got 6d): the rest is kept.'),
    });
    expect(await tessera(['audit', 'prune'], { ...env, AUDIT_RETENTION: 'none' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('AUDIT_RETENTION is none: say by --older-than what is to go.'),
    });
  });
});

it('has a guide that tells of each kind', () => {
  const guide = readFileSync(new URL('../../docs/guides/audit.md', import.meta.url), 'utf8');
  const told = [...guide.matchAll(/^\| (`[A-Z_`, ]+`) \|/gm)].flatMap(
    ([, kinds = '']) => kinds.match(/[A-Z_]+/g) ?? [],
  );
  expect(told.toSorted()).toEqual(Object.keys(AuditEventKind).toSorted());
});
