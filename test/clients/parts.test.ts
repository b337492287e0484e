import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { CLIENTS } from './adapters.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
const { stdout } = await tessera(['token', 'create', 'ada', '--name', 'web'], env);
const key = /tsr_\S+/.exec(stdout)?.[0] ?? '';

const PARTS = parse(
  'query Parts { me { id username ... @defer { tokens { edges { node { id name } } } } } }',
) as TypedDocumentNode<unknown, Record<string, never>>;

it.each([
  ['Apollo Client', /^multipart\/mixed/],
  ['urql', /^(multipart\/mixed|text\/event-stream)/],
])('%s puts an answer in parts together', async (client, streamed) => {
  const server = await startServer(env);
  const fetched = vi.spyOn(globalThis, 'fetch');
  onTestFinished(() => fetched.mockRestore());
  const outcome = await CLIENTS[client]?.(server.url, { key }, PARTS, {});
  expect(outcome).toMatchObject({
    data: { me: { username: 'ada', tokens: { edges: [{ node: { name: 'web' } }] } } },
  });
  const [reply] = fetched.mock.settledResults;
  expect(reply?.value.headers.get('content-type')).toMatch(streamed);
});
