import { beforeEach, describe, expect, it } from 'vitest';
import { tessera } from '../program.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, makeUser } = world;
const env: Record<string, string> = world.env;
const { user } = await makeUser();

const MANY = 2_500;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

function prune(...options: string[]) {
  return tessera(['token', 'prune', ...options], env);
}

async function left(): Promise<string[]> {
  const tokens = await database.token.findMany({ where: { userId: user.id }, orderBy: { name: 'asc' } });
  return tokens.map(({ name }) => name);
}

beforeEach(async () => {
  await database.token.deleteMany();
  const tokens = {
    alive: { kind: 'API' as const, createdAt: hoursAgo(24 * 900) },
    'expired 29 days ago': { expiresAt: hoursAgo(24 * 29) },
    'expired 31 days ago': { expiresAt: hoursAgo(24 * 31) },
    'idle since 119 days': { createdAt: hoursAgo(24 * 500), lastUsedAt: hoursAgo(24 * 119) },
    'idle since 121 days': { createdAt: hoursAgo(24 * 500), lastUsedAt: hoursAgo(24 * 121) },
    'superseded, over since 31 days': { supersededAt: hoursAgo(24 * 32), expiresAt: hoursAgo(24 * 31) },
  };
  await database.token.createMany({
    data: Object.entries(tokens).map(([name, fields]) => ({ userId: user.id, name, ...fields })),
  });
});

describe('token prune', () => {
  it('removes what expired thirty days ago and earlier, by whatever rule, and nothing else', async () => {
    expect(await prune()).toEqual({
      code: 0,
      stdout: 'Removed 3 tokens that expired at least 30d ago.\n',
      stderr: '',
    });
    expect(await left()).toEqual(['alive', 'expired 29 days ago', 'idle since 119 days']);
    expect((await prune()).stdout).toBe('Removed 0 tokens that expired at least 30d ago.\n');
  });

  it('goes by what it is told, and by the lifetimes that are configured', async () => {
    expect((await prune('--expired-for', '28d')).stdout).toBe('Removed 5 tokens that expired at least 28d ago.\n');
    expect(await left()).toEqual(['alive']);
  });

  it('leaves idle tokens where none expire by idleness', async () => {
    await tessera(['token', 'prune'], { ...env, TOKEN_IDLE_LIFETIME: 'none' });
    expect(await left()).toEqual(['alive', 'expired 29 days ago', 'idle since 119 days', 'idle since 121 days']);
  });

  it('only counts with --dry-run', async () => {
    expect(await prune('--dry-run', '--expired-for', '1h')).toEqual({
      code: 0,
      stdout: 'Would remove 5 tokens that expired at least 1h ago.\n',
      stderr: '',
    });
    expect((await prune('--dry-run', '--expired-for', '32d')).stdout).toBe(
      'Would remove 0 tokens that expired at least 32d ago.\n',
    );
    await database.token.updateMany({ where: { name: 'expired 31 days ago' }, data: { expiresAt: hoursAgo(24 * 33) } });
    expect((await prune('--dry-run', '--expired-for', '32d')).stdout).toBe(
      'Would remove 1 token that expired at least 32d ago.\n',
    );
    expect(await left()).toHaveLength(6);
  });

  it('says in its help what it goes by', async () => {
    const words = (await prune('--help')).stdout.replaceAll(/\s+/g, ' ');
    expect(words).toContain('by TOKEN_LIFETIME and TOKEN_IDLE_LIFETIME as they are set here');
    expect(words).toContain('--expired-for <duration> those that expired at least so long ago (default: 30d)');
  });

  it('removes many, batch by batch', async () => {
    await database.$executeRaw`
      INSERT INTO "Token" ("userId", "name", "expiresAt")
      SELECT ${user.id}::uuid, 'old ' || n, '2020-01-01T00:00:00Z' FROM generate_series(1, ${MANY}::int) n`;
    expect((await prune('--expired-for', '1000d')).stdout).toBe(
      'Removed 2,500 tokens that expired at least 1000d ago.\n',
    );
    expect(await left()).toHaveLength(6);
  });

  // The embedded database has one session: nobody can have a row in hand while it prunes.
  it.runIf(env.DATABASE_URL)('does not wait for a row that somebody else has in hand', async () => {
    await database.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM "Token" WHERE "name" = 'expired 31 days ago' FOR UPDATE`;
      expect((await prune()).stdout).toBe('Removed 2 tokens that expired at least 30d ago.\n');
    });
    expect((await prune()).stdout).toBe('Removed 1 token that expired at least 30d ago.\n');
  });

  it.each(['0d', 'soon', '30'])('exits 2 for --expired-for %s', async (duration) => {
    const { code, stdout, stderr } = await prune('--expired-for', duration);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(
      /^error: option '--expired-for <duration>' argument '\w+' is invalid\. It must be a duration/,
    );
  });
});
