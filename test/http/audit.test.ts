import { createServer } from 'node:http';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { startServer } from '../program.ts';
import { databaseOfItsOwn } from '../world.ts';
import { audit, brokenIn } from './audit.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);

it('keeps every MUST, SHOULD and MAY of the GraphQL over HTTP audit', async () => {
  const { url } = await startServer({ ...own.env, NODE_ENV: 'test', TOKEN_SECRETS: 't'.repeat(32) });
  const rows = await audit(url);
  expect(rows.length).toBeGreaterThan(60);
  expect(rows.filter(({ status }) => status !== 'ok')).toEqual([]);
});

it('finds what a careless server breaks', async () => {
  const careless = createServer((_request, response) => response.end('{"data":{}}'));
  await new Promise<void>((resolve) => careless.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void careless.close());
  const { port } = careless.address() as { port: number };
  const broken = brokenIn(await audit(`http://127.0.0.1:${port}/`)).map(({ status }) => status);
  expect(new Set(broken)).toEqual(new Set(['error', 'warn']));
});
