import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { assertAbstractType, buildSchema, parse } from 'graphql';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../src/errors.ts';
import { type StartedServer, startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { type Ask, CLIENTS } from './adapters.ts';
import { possibleTypes } from './apollo.ts';
import { LogInDocument, LogOutDocument, MeDocument, RegisterDocument } from './generated/graphql.ts';
import { finishLogIn } from './log-in.ts';
import type { Session } from './session.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = {
  ...own.env,
  NODE_ENV: 'test',
  BCRYPT_COST: '4',
  TOKEN_SECRETS: 't'.repeat(32),
  REGISTRATION: 'closed',
};
await tessera(['user', 'create', 'ada', '--password-stdin'], env, `${PASSWORD}\n`);

const RESPONSE_JSON = 'application/graphql-response+json';
const NONSENSE = parse('{ nonsense }') as TypedDocumentNode<unknown, Record<string, never>>;

const loggedIn = { data: { obtainAuthToken: { __typename: 'IssuedToken', key: expect.stringMatching(/^tsr_/) } } };

/** What happens at each step of a visit, whatever the client. */
const EXPECTED = {
  'a wrong password': {
    data: {
      obtainAuthToken: {
        __typename: 'InvalidCredentialsError',
        message: 'Unable to log in with provided credentials.',
      },
    },
  },
  'a blank username': {
    data: {
      obtainAuthToken: {
        __typename: 'ValidationError',
        fields: [{ path: ['username'], message: 'This field may not be blank.' }],
      },
    },
  },
  'a question by nobody': { code: 'UNAUTHENTICATED' },
  'a login': loggedIn,
  'a question with the key': { data: { me: { username: 'ada' } } },
  'what only staff may': { code: 'FORBIDDEN' },
  'an unknown field': { code: 'GRAPHQL_VALIDATION_FAILED' },
  'the status of that': undefined as number | undefined,
  'a wrong address': { status: 404 },
  'a logout': { data: { revokeCurrentToken: { __typename: 'RevokedToken' } } },
  'a question with the dead key': { code: 'AUTHENTICATION_FAILED' },
  'the key after that': null,
  'a login with the dead key': loggedIn,
  'a question when the server is away': { isAway: true },
};

/** Told apart by the media type that each client accepts by itself. curl is like fetch, and cannot be watched here. */
const STATUS_OF_AN_UNKNOWN_FIELD: Record<string, number> = {
  'Apollo Client': 400,
  urql: 400,
  'graphql-request': 400,
  fetch: 200,
};

async function visit(ask: Ask, { url, origin }: StartedServer) {
  const fetched = vi.spyOn(globalThis, 'fetch');
  const session: Session = { key: null };
  const ada = { username: 'ada', password: PASSWORD };
  const met: Partial<Record<keyof typeof EXPECTED, unknown>> = {};

  met['a wrong password'] = await ask(url, session, LogInDocument, { ...ada, password: 'wrong' });
  met['a blank username'] = await ask(url, session, LogInDocument, { ...ada, username: ' ' });
  met['a question by nobody'] = await ask(url, session, MeDocument, {});

  const login = await ask(url, session, LogInDocument, ada);
  met['a login'] = login;
  expect(login.data && finishLogIn(session, login.data)).toEqual([]);
  met['a question with the key'] = await ask(url, session, MeDocument, {});
  met['what only staff may'] = await ask(url, session, RegisterDocument, { ...ada, username: 'eve' });
  met['an unknown field'] = await ask(url, session, NONSENSE, {});
  met['the status of that'] = fetched.mock.settledResults.at(-1)?.value.status;
  met['a wrong address'] = await ask(`${origin}/nowhere`, session, MeDocument, {});

  const stale = { ...session };
  met['a logout'] = await ask(url, session, LogOutDocument, {});
  met['a question with the dead key'] = await ask(url, session, MeDocument, {});
  met['the key after that'] = session.key;
  met['a login with the dead key'] = await ask(url, stale, LogInDocument, ada);
  fetched.mockRestore();
  return met;
}

it('meets the same with every client', async () => {
  const server = await startServer(env);
  const met: Record<string, Awaited<ReturnType<typeof visit>>> = {};
  for (const [client, ask] of Object.entries(CLIENTS)) met[client] = await visit(ask, server);
  server.child.kill('SIGTERM');
  await server.finished;
  for (const [client, ask] of Object.entries(CLIENTS)) {
    met[client] = {
      ...met[client],
      'a question when the server is away': await ask(server.url, { key: null }, MeDocument, {}),
    };
  }
  const expected = Object.keys(CLIENTS).map((client) => [
    client,
    { ...EXPECTED, 'the status of that': STATUS_OF_AN_UNKNOWN_FIELD[client] },
  ]);
  expect(met).toMatchObject(Object.fromEntries(expected));
});

it('tells every code of a refusal apart, with every client', async () => {
  // A server that refuses whatever it is asked, by the code that its address ends with.
  const refusing = createServer((request, response) => {
    const code = (request.url?.split('/').at(-1)?.split('?')[0] ?? '') as ErrorCode;
    const rule: { status: number; message: string; isSpec?: true } = ERROR_CODES[code];
    const isSpec = request.headers.accept?.includes(RESPONSE_JSON);
    response.writeHead(rule.isSpec && !isSpec ? 200 : rule.status, {
      'content-type': `${isSpec ? RESPONSE_JSON : 'application/json'}; charset=utf-8`,
    });
    response.end(JSON.stringify({ errors: [{ message: rule.message, extensions: { code } }] }));
  });
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    refusing.closeAllConnections();
    refusing.close();
  });
  const { port } = refusing.address() as AddressInfo;
  for (const code of Object.keys(ERROR_CODES)) {
    for (const [client, ask] of Object.entries(CLIENTS)) {
      const outcome = await ask(`http://127.0.0.1:${port}/${code}`, { key: null }, MeDocument, {});
      expect(outcome, `${client}, ${code}`).toEqual({ code });
    }
  }
});

it('tells Apollo Client what the schema’s unions and interfaces stand for', () => {
  const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'));
  const membersOf = (name: string) => schema.getPossibleTypes(assertAbstractType(schema.getType(name))).map(String);
  const names = Object.keys(possibleTypes);
  expect(possibleTypes).toEqual(Object.fromEntries(names.map((name) => [name, membersOf(name).sort()])));
});
