import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { createViteServer } from 'vitest/node';
import vite from './vite.config.ts';

const clients = fileURLToPath(new URL('.', import.meta.url));
const project = fileURLToPath(new URL('../..', import.meta.url));

const FILES = ['apollo.ts', 'fetch.ts', 'graphql-request.ts', 'sign-in.ts', 'token-events.ts', 'urql.ts', 'generated'];

/** What the tests call, in the page, as `page`. */
const PAGE = `
import { createApolloClient, codeOf as apolloCodeOf } from './apollo.ts';
import { ask } from './fetch.ts';
import { MeDocument, SignInDocument, SignOutDocument } from './generated/graphql.ts';
import { createGraphQLRequestClient, codeOf as graphQLRequestCodeOf } from './graphql-request.ts';
import { finishSignIn } from './sign-in.ts';
import { followTokens } from './token-events.ts';
import { createUrqlClient, codeOf as urqlCodeOf } from './urql.ts';

const url = new URL('/graphql', location.href).href;
const session = { username: null };
const events = [];
const told = (asked, codeOf) => asked.then(({ me }) => me.username, codeOf);

globalThis.page = {
  session,
  events,
  signIn: async (variables) => finishSignIn(session, await ask(url, session, SignInDocument, variables)),
  signOut: () => ask(url, session, SignOutDocument, {}),
  askMe: async () => ({
    'Apollo Client': await told(
      createApolloClient(url, session).query({ query: MeDocument }).then(({ data }) => data), apolloCodeOf),
    urql: await told(
      createUrqlClient(url, session).query(MeDocument, {}).then(({ data, error }) => data ?? Promise.reject(error)),
      urqlCodeOf),
    'graphql-request': await told(createGraphQLRequestClient(url, session).request(MeDocument), graphQLRequestCodeOf),
    fetch: await told(ask(url, session, MeDocument, {}), ({ code }) => code),
  }),
  followTokens() {
    const listener = { begin: () => events.push('begun'), hear: ({ kind, name }) => events.push(kind + ' ' + name) };
    followTokens(url, session, listener, new AbortController().signal).then((code) => events.push(code));
  },
};
`;

/**
 * A page that signs in by a cookie as the guide has it, with the guide's clients, in Vite with the guide's proxy to this
 * server, until the test ends.
 */
export async function startFrontEnd(port: number, api: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'tessera-page-'));
  for (const file of FILES) cpSync(join(clients, file), join(root, file), { recursive: true });
  cpSync(join(clients, 'cookie-session.ts'), join(root, 'session.ts'));
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'page.ts'), PAGE);
  writeFileSync(join(root, 'index.html'), '<!doctype html><script type="module" src="/page.ts"></script>');
  const proxy = JSON.parse(JSON.stringify(vite.server.proxy).replace('http://127.0.0.1:4000', api));
  const server = await createViteServer({
    configFile: false,
    root,
    cacheDir: join(root, 'cache'),
    logLevel: 'error',
    server: { host: '127.0.0.1', port, strictPort: true, fs: { strict: false }, watch: null, proxy },
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });
  await server.listen();
}
