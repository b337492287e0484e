import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { takeChore } from '../../src/accounts/chores.ts';
import { startDailyPrune } from '../../src/accounts/daily-prune.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open.ts';
import { serve } from '../../src/serve.ts';
import { databaseOfItsOwn, openWorld } from '../world.ts';

const world = await openWorld();
const { database, makeUser, clock } = world;
const { user } = await makeUser();

const DAY_MS = 86_400_000;
const at = (ms: number) => new Date(clock.now.getTime() + ms);

describe('a chore', () => {
  it('is taken by one of many who ask at once, and by nobody until its time has come again', async () => {
    const chore = { name: 'sweep', everySeconds: 60 };
    async function takers(now: Date) {
      const asked = await Promise.all(Array.from({ length: 8 }, () => takeChore(database, chore, now)));
      return asked.filter((isTaken) => isTaken).length;
    }
    expect([await takers(at(0)), await takers(at(0)), await takers(at(59_999))]).toEqual([1, 0, 0]);
    expect([await takers(at(60_000)), await takers(at(119_999)), await takers(at(120_000))]).toEqual([1, 0, 1]);
    expect(await takeChore(database, { ...chore, name: 'dust' }, at(120_000))).toBe(true);
  });
});

describe('the daily prune', () => {
  afterEach(() => vi.useRealTimers());

  async function plantExpired() {
    const expiresAt = at(-30 * DAY_MS);
    await database.token.create({ data: { userId: user.id, kind: 'API', name: 'long over', expiresAt } });
    const justOver = { userId: user.id, kind: 'API' as const, name: 'just over', expiresAt: at(1 - 30 * DAY_MS) };
    await database.token.create({ data: justOver });
  }

  async function namesLeft() {
    const rows = await database.token.findMany({ where: { userId: user.id }, orderBy: { name: 'asc' } });
    return rows.map(({ name }) => name);
  }

  function startNode() {
    const logged: { level: number; reason?: string; removed?: number; msg: string }[] = [];
    const log = pino({ base: null }, { write: (line: string) => logged.push(JSON.parse(line)) });
    const { tokenLifetimes: lifetimes, throttle, auditRetentionSeconds } = world.config;
    const options = { database, lifetimes, throttle, auditRetentionSeconds, log, now: () => clock.now };
    return { node: startDailyPrune(options), logged };
  }

  const said = (logged: { level: number; msg: string }[]) =>
    logged.map(({ time: _, ...line }: object & { time?: number }) => line);

  it('is done by one of two servers, a day after the last time, and told', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await plantExpired();
    const nodes = [startNode(), startNode()];
    expect(await namesLeft()).toEqual(['default', 'just over', 'long over']);
    vi.advanceTimersByTime(70_000);
    await vi.waitFor(async () => expect(await namesLeft()).toEqual(['default', 'just over']));
    await database.token.deleteMany({ where: { name: 'just over' } });
    await plantExpired();
    // Asked every hour; done when the day is over.
    for (let hour = 1; hour <= 3; hour++) vi.advanceTimersByTime(4_000_000);
    await Promise.all(nodes.map(({ node }) => node.stop()));
    expect(await namesLeft()).toEqual(['default', 'just over', 'long over']);
    const line = { level: 30, removed: 1, msg: 'long expired tokens were removed' };
    expect(nodes.flatMap(({ logged }) => said(logged))).toEqual([line]);

    clock.now = at(DAY_MS);
    const next = startNode();
    vi.advanceTimersByTime(70_000);
    await next.node.stop();
    expect(await namesLeft()).toEqual(['default']);
    expect(said(next.logged)).toEqual([{ ...line, removed: 2 }]);
  });

  it('asks nothing once it is stopped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    clock.now = at(DAY_MS);
    const { node } = startNode();
    await node.stop();
    world.queries.length = 0;
    vi.advanceTimersByTime(DAY_MS);
    await node.stop();
    expect(world.queries).toEqual([]);
  });

  it('warns when it cannot be done, and goes on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    clock.now = at(DAY_MS);
    await plantExpired();
    await database.$executeRaw`ALTER TABLE "Chore" RENAME TO "Mislaid"`;
    const { node, logged } = startNode();
    vi.advanceTimersByTime(70_000);
    await vi.waitFor(() => expect(logged).toHaveLength(1));
    expect(said(logged)).toEqual([
      { level: 40, reason: expect.stringContaining('Chore'), msg: 'what is old was not removed' },
    ]);
    await database.$executeRaw`ALTER TABLE "Mislaid" RENAME TO "Chore"`;
    vi.advanceTimersByTime(4_000_000);
    await node.stop();
    expect(await namesLeft()).toEqual(['default', 'just over']);
  });

  it('is begun with the server, and ends with it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const own = await databaseOfItsOwn();
    const { config, secrets } = readConfig({ ...world.env, ...own.env, PORT: '0' });
    const log = pino({ level: 'silent' });
    const server = await serve(config, secrets, log);
    const visit = await openDatabase({ config, secrets, log, asServer: false });
    const { id: userId } = await visit.database.user.create({ data: { username: 'ada', usernameKey: 'ada' } });
    const expiresAt = new Date('2020-01-31T12:00:00Z');
    await visit.database.token.create({ data: { userId, kind: 'API', name: 'long over', expiresAt } });
    vi.advanceTimersByTime(70_000);
    await vi.waitFor(async () => expect(await visit.database.token.count()).toBe(1));
    await visit.close();
    await server.close();
    expect(vi.getTimerCount()).toBe(0);
    await own.drop();
  });
});
