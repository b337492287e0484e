import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { CLIENTS } from './adapters.ts';
import { createUrqlClient } from './urql.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
const { stdout } = await tessera(['token', 'create', 'ada', '--name', 'web'], env);
const key = /tsr_\S+/.exec(stdout)?.[0] ?? '';

const PARTS = parse(
  'query Parts { me { id username ... @defer { tokens { edges { node { id name } } } } } }',
) as TypedDocumentNode<unknown, Record<string, never>>;

const WHOLE = {
  me: { username: 'ada', tokens: { edges: [{ node: { name: 'default' } }, { node: { name: 'web' } }] } },
};

it('is put together by Apollo Client', async () => {
  const { url } = await startServer(env);
  const fetched = vi.spyOn(globalThis, 'fetch');
  onTestFinished(() => fetched.mockRestore());
  expect(await CLIENTS['Apollo Client']?.(url, { key }, PARTS, {})).toMatchObject({ data: WHOLE });
  expect(fetched.mock.settledResults[0]?.value.headers.get('content-type')).toMatch(/^multipart\/mixed/);
});

it('is put together by urql', async () => {
  const { url } = await startServer(env);
  const results: unknown[] = [];
  // Each as it comes: a promise of the last would hang up on the server at that, and Node complains.
  createUrqlClient(url, { key })
    .query(PARTS, {})
    .subscribe(({ data, error, hasNext }) => results.push({ data, error, hasNext }));
  await expect.poll(() => results.at(-1)).toMatchObject({ data: WHOLE, error: undefined, hasNext: false });
  expect(results[0]).toMatchObject({ data: { me: { username: 'ada' } }, hasNext: true });
});
