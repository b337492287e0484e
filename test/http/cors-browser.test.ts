import type { Browser, Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { freePorts } from '../free-ports.ts';
import { startServer, tessera } from '../program.ts';
import { recordSecret } from '../recorder.ts';
import { describeWith } from '../tools.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { launchChromium, openVisitor, servePages } from './chromium.ts';

const ME = '{ me { username } }';
const SIGN_IN = `mutation { signIn(input: { username: "ada", password: "${PASSWORD}" }) {
  ... on SignedIn { user { username } } ... on Error { message } } }`;
const isAda = { data: { me: { username: 'ada' } } };

interface Asked {
  query: string;
  headers: Record<string, string>;
  credentials?: 'include' | 'omit';
}

describeWith(['chromium'], 'a page of another origin, in a browser', () => {
  let browser: Browser;
  let env: Record<string, string>;

  beforeAll(async () => {
    const own = await databaseOfItsOwn();
    env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
    await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
    browser = await launchChromium();
    return async () => {
      await browser.close();
      await own.drop();
    };
  });

  /** A page of each of two origins, and a server that one variable names the first of them to. */
  async function open(variable: 'CORS_ORIGINS' | 'TRUSTED_ORIGINS') {
    const [port = 0] = await freePorts(1);
    const pagePort = await servePages();
    const server = await startServer({ ...env, PORT: `${port}`, [variable]: `http://localhost:${pagePort}` });
    const visitor = await openVisitor(browser);
    const named = await visitor.newPage();
    await named.goto(`http://localhost:${pagePort}`);
    const other = await visitor.newPage();
    await other.goto(`http://127.0.0.1:${pagePort}`);
    const url = `http://localhost:${port}/graphql`;
    return { server, url, visitor, named, other, ask: (page: Page, asked: Asked) => ask(page, url, asked) };
  }

  /** What a script of the page is told; `stopped` where its browser does not let it ask, or read. */
  function ask(page: Page, url: string, asked: Asked) {
    return page.evaluate(
      async ([url, { query, headers, credentials = 'omit' }]) => {
        try {
          const response = await fetch(url, {
            method: 'POST',
            credentials,
            headers: { 'Content-Type': 'application/json', ...headers },
            body: JSON.stringify({ query }),
          });
          return {
            status: response.status,
            hasId: response.headers.has('x-request-id'),
            challenge: response.headers.get('www-authenticate'),
            body: await response.json(),
          };
        } catch {
          return 'stopped';
        }
      },
      [url, asked] as const,
    );
  }

  it('asks with a key and reads why it is refused where it is listed, and nothing where it is not', async () => {
    const { stdout } = await tessera(['token', 'create', 'ada', '--name', 'page'], env);
    const [key = ''] = /tsr_\S+/.exec(stdout) ?? [];
    recordSecret(key);
    const { ask, named, other, url, visitor } = await open('CORS_ORIGINS');
    const withKey = { query: ME, headers: { Authorization: `Token ${key}` } };
    expect(await ask(named, withKey)).toEqual({ status: 200, hasId: true, challenge: null, body: isAda });
    const refused = await ask(named, { query: ME, headers: {} });
    expect(refused).toMatchObject({ status: 401, hasId: true, challenge: expect.stringContaining('Token') });
    expect(await ask(other, withKey)).toBe('stopped');
    // Its own cookie it cannot use, for all that it may ask.
    const proof = { 'X-Tessera-CSRF': '1' };
    expect(await ask(named, { query: SIGN_IN, headers: proof, credentials: 'include' })).toBe('stopped');
    expect(await visitor.cookies(url)).toEqual([]);
  });

  it('signs in by the cookie where it is trusted, and nowhere else', async () => {
    const { ask, named, other, url, visitor } = await open('TRUSTED_ORIGINS');
    const withCookie = { headers: { 'X-Tessera-CSRF': '1' }, credentials: 'include' as const };
    const signedIn = { data: { signIn: { user: { username: 'ada' } } } };
    expect(await ask(named, { query: SIGN_IN, ...withCookie })).toMatchObject({ status: 200, body: signedIn });
    for (const { value } of await visitor.cookies(url)) recordSecret(value);
    expect(await ask(named, { query: ME, ...withCookie })).toMatchObject({ status: 200, body: isAda });
    expect(await ask(other, { query: ME, ...withCookie })).toBe('stopped');
  });
});
