import type { Browser, BrowserContext, Page } from 'playwright-core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startFrontEnd } from '../clients/front-end.ts';
import { freePorts } from '../free-ports.ts';
import { type StartedServer, startServer, tessera } from '../program.ts';
import { recordSecret } from '../recorder.ts';
import { describeWith } from '../tools.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { launchChromium, openVisitor, servePages } from './chromium.ts';

const ME = '{ me { username } }';
const SIGN_OUT = 'mutation { signOut { wasSignedIn } }';
const DO_ALL = 'mutation { createToken(input: { name: "evil" }) { __typename } revokeAllTokens { count } }';
const PROOF = { 'X-Tessera-CSRF': '1' };
const COOKIE = 'tessera-session';

function signInAs(username: string): string {
  return `mutation { signIn(input: { username: "${username}", password: "${PASSWORD}" }) {
    ... on SignedIn { user { username } } ... on Error { message } } }`;
}

interface Sent {
  query: string;
  headers?: Record<string, string>;
  /** Where it is sent; the page's own /graphql unless told. */
  url?: string;
  mode?: 'cors' | 'no-cors';
}

/** What a script of this page is answered; `stopped` when its browser does not let it ask, or read the answer. */
function send(page: Page, { query, headers = PROOF, url = '/graphql', mode = 'cors' }: Sent) {
  return page.evaluate(
    async ([url, query, headers, mode]) => {
      try {
        const response = await fetch(url, {
          method: 'POST',
          mode,
          credentials: 'include',
          headers: { 'Content-Type': 'application/json', ...headers },
          body: JSON.stringify({ query }),
        });
        return { status: response.status, body: response.status === 0 ? null : await response.json() };
      } catch {
        return 'stopped';
      }
    },
    [url, query, headers, mode] as const,
  );
}

const refused = (status: number, code: string, message: string) => ({
  status,
  body: { errors: [{ message, extensions: { code } }] },
});
const csrfFailed = (reason: string) => refused(403, 'FORBIDDEN', `CSRF Failed: ${reason}`);
const UNAUTHENTICATED = refused(401, 'UNAUTHENTICATED', 'Authentication credentials were not provided.');
const isMe = (username: string) => ({ status: 200, body: { data: { me: { username } } } });
const isSignedIn = (username: string) => ({ status: 200, body: { data: { signIn: { user: { username } } } } });
const NO_HEADER = 'CSRF Failed: The X-Tessera-CSRF header is missing.';

/** What a form of such a page is answered. It navigates: nobody is asked before. */
function submitForm(like: Page, url: string, enctype: string, query: string) {
  const json = JSON.stringify({ query, rest: '' });
  // As text/plain it is JSON: the browser puts an equals sign between the two.
  const fields = enctype === 'text/plain' ? { [json.slice(0, -2)]: json.slice(-2) } : { query };
  const form = JSON.stringify({ action: url, method: 'POST', enctype, fields });
  return leave(
    like,
    `{
      const { fields, ...attributes } = ${form};
      const form = Object.assign(document.createElement('form'), attributes);
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      document.body.append(form);
      form.submit();
    }`,
  );
}

/** What is answered when this script leaves such a page for the API, and whether the cookie went there. */
async function leave(like: Page, script: string) {
  const page = await like.context().newPage();
  await page.goto(like.url());
  const answer = page.waitForResponse((response) => response.url().includes('/graphql'));
  await page.evaluate(script);
  const response = await answer;
  const { cookie = '' } = await response.request().allHeaders();
  const isJson = response.headers()['content-type']?.startsWith('application/json');
  const message = isJson ? (await response.json()).errors[0].message : null;
  await page.close();
  return { hasCookie: cookie.includes(COOKIE), status: response.status(), message };
}

describeWith(['chromium'], 'a browser', () => {
  let browser: Browser;
  let origin: string;
  let viteUrl: string;
  let env: Record<string, string>;
  let server: StartedServer;

  beforeAll(async () => {
    const own = await databaseOfItsOwn();
    const [port = 0, pagePort = 0] = await freePorts(2);
    viteUrl = `http://localhost:${pagePort}/`;
    env = {
      ...own.env,
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      TOKEN_SECRETS: 't'.repeat(32),
      PORT: `${port}`,
      TRUSTED_ORIGINS: new URL(viteUrl).origin,
    };
    for (const name of ['ada', 'eve']) await tessera(['user', 'create', name, '--password-stdin'], env, PASSWORD);
    // It ends with this process, whatever else goes wrong.
    browser = await launchChromium();
    let kill = async () => {};
    server = await startServer(env, (end) => {
      kill = end;
    });
    origin = `http://localhost:${port}`;
    return async () => {
      await browser.close();
      await kill();
      await own.drop();
    };
  });

  /** A page of the server's own origin, in which this user has signed in. */
  async function signedInPage(visitor: BrowserContext, username = 'ada'): Promise<Page> {
    const page = await visitor.newPage();
    // No answer of the server's lets a page do anything.
    await page.route(`${origin}/page`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto(`${origin}/page`);
    expect(await send(page, { query: signInAs(username) })).toEqual(isSignedIn(username));
    recordSecret((await sessionOf(visitor)) ?? '');
    return page;
  }

  async function sessionOf(visitor: BrowserContext): Promise<string | undefined> {
    return (await visitor.cookies(origin)).find(({ name }) => name === COOKIE)?.value;
  }

  /** The status of each request that the server has answered. */
  function statuses(): number[] {
    return server.output.stdout.split('\n').flatMap((line) => {
      return line.includes('"msg":"request"') ? [JSON.parse(line).status] : [];
    });
  }

  it('is signed in by a cookie that no script reads, also when the page is loaded anew, until it signs out', async () => {
    const visitor = await openVisitor(browser);
    const page = await signedInPage(visitor);
    expect(await visitor.cookies()).toMatchObject([
      { name: COOKIE, value: expect.stringMatching(/^tsrs_/), httpOnly: true, sameSite: 'Lax', path: '/' },
    ]);
    expect(await page.evaluate('document.cookie')).toBe('');

    await page.reload();
    expect(await send(page, { query: ME })).toEqual(isMe('ada'));
    const byGet = `fetch('/graphql?query=' + encodeURIComponent('${ME}'), { headers: ${JSON.stringify(PROOF)} })`;
    expect(await page.evaluate(`${byGet}.then((response) => response.json())`)).toEqual(isMe('ada').body);

    expect(await send(page, { query: SIGN_OUT })).toEqual({
      status: 200,
      body: { data: { signOut: { wasSignedIn: true } } },
    });
    expect(await visitor.cookies()).toEqual([]);
    expect(await send(page, { query: ME })).toEqual(UNAUTHENTICATED);
  });

  it('drops its cookie when the session is over', async () => {
    const visitor = await openVisitor(browser);
    const page = await signedInPage(visitor);
    await tessera(['token', 'revoke', '--user', 'ada'], env);
    expect(await send(page, { query: ME })).toEqual(UNAUTHENTICATED);
    expect(await visitor.cookies()).toEqual([]);
  });

  it('is known to GraphiQL, which the server serves where its people develop', async () => {
    const own = await databaseOfItsOwn();
    onTestFinished(own.drop);
    const [port = 0] = await freePorts(1);
    const at = { ...own.env, NODE_ENV: 'development', TOKEN_SECRETS: 't'.repeat(32), PORT: `${port}` };
    await tessera(['user', 'create', 'ada', '--password-stdin'], at, PASSWORD);
    await startServer(at);
    const page = await (await openVisitor(browser)).newPage();
    const violations: string[] = [];
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) violations.push(message.text());
    });
    await page.goto(`http://localhost:${port}/graphql`);
    expect(await send(page, { query: signInAs('ada') })).toEqual(isSignedIn('ada'));
    await page.goto(`http://localhost:${port}/graphql?query=${encodeURIComponent(ME)}`);
    await page.getByRole('button', { name: /Execute/ }).click();
    await expect
      .poll(() => page.locator('.result-window').textContent(), { timeout: 20_000 })
      .toMatch(/"me":\s*\{\s*"username":\s*"ada"/);
    expect(violations).toEqual([]);

    // In nobody's frame: a click there could be made to mean another thing.
    const evil = await page.context().newPage();
    await evil.goto(`http://localhost:${await servePages()}`);
    const blocked = evil.waitForEvent('console', (message) => message.text().includes('frame-ancestors'));
    await evil.evaluate(
      `document.body.append(Object.assign(document.createElement('iframe'), { src: 'http://localhost:${port}/graphql' }))`,
    );
    await blocked;
  }, 60_000);

  it('is not let in by an EventSource, which sends no header', async () => {
    const page = await signedInPage(await openVisitor(browser));
    const query = encodeURIComponent('subscription { tokenEvents { kind } }');
    const answer = page.waitForResponse((response) => response.url().includes('/graphql?'));
    await page.evaluate(`void new EventSource('/graphql?query=${query}')`);
    expect((await answer).status()).toBe(403);
  });

  // Another port of the same host is the same site: SameSite does not keep the cookie from what its pages ask.
  describe.each([
    { host: 'localhost', isSameSite: true },
    { host: '127.0.0.1', isSameSite: false },
  ])('where a page of another port of $host is open, too', ({ host, isSameSite }) => {
    async function openBoth() {
      const visitor = await openVisitor(browser);
      const page = await signedInPage(visitor);
      const evil = await visitor.newPage();
      await evil.goto(`http://${host}:${await servePages()}`);
      return { page, evil };
    }

    /** That nothing has happened to the session, nor in its name. */
    async function expectNothingDone(page: Page): Promise<void> {
      const query = '{ me { username tokens { edges { node { name } } } } }';
      const answer = await send(page, { query });
      expect(answer).toMatchObject({ body: { data: { me: { username: 'ada' } } } });
      expect(JSON.stringify(answer)).not.toContain('evil');
    }

    it('does nothing that its forms ask', async () => {
      const { page, evil } = await openBoth();
      const submit = (enctype: string, query: string) => submitForm(evil, `${origin}/graphql`, enctype, query);
      const csrf = { hasCookie: isSameSite, status: 403, message: NO_HEADER };
      const stranger = { hasCookie: false, status: 401, message: 'Authentication credentials were not provided.' };
      const encoded = 'application/x-www-form-urlencoded';
      expect(await submit(encoded, DO_ALL)).toEqual(isSameSite ? csrf : stranger);
      expect(await submit(encoded, signInAs('eve'))).toEqual(csrf);
      const unread = { hasCookie: isSameSite, status: 415, message: null };
      for (const enctype of ['text/plain', 'multipart/form-data']) {
        expect(await submit(enctype, DO_ALL)).toEqual(unread);
      }
      await expectNothingDone(page);
    });

    it('is harmless as a link, with which the cookie goes', async () => {
      const { page, evil } = await openBoth();
      const follow = (query: string) =>
        leave(evil, `location.href = '${origin}/graphql?query=${encodeURIComponent(query)}'`);
      expect(await follow(ME)).toEqual({ hasCookie: true, status: 403, message: NO_HEADER });
      const byGet = 'Can only perform a mutation operation from a POST request.';
      expect(await follow(DO_ALL)).toEqual({ hasCookie: true, status: 405, message: byGet });
      await expectNothingDone(page);
    });

    it('sends nothing by its scripts that would be answered, and reads nothing', async () => {
      const { page, evil } = await openBoth();
      const url = `${origin}/graphql`;
      const before = statuses().length;
      // For these the browser asks first, and the server says no.
      expect(await send(evil, { url, query: DO_ALL })).toBe('stopped');
      expect(await send(evil, { url, query: DO_ALL, headers: {} })).toBe('stopped');
      // These it sends, without application/json, which it takes off where nobody is asked.
      expect(await send(evil, { url, query: DO_ALL, headers: { 'Content-Type': 'text/plain' } })).toBe('stopped');
      expect(await send(evil, { url, query: DO_ALL, mode: 'no-cors' })).toEqual({ status: 0, body: null });
      await expectNothingDone(page);
      expect(statuses().slice(before)).toEqual([405, 405, 415, 415, 200]);
    });
  });

  it('does not go on with a session that a page of another port has laid in it', async () => {
    const eve = await openVisitor(browser);
    await signedInPage(eve, 'eve');
    const laid = await sessionOf(eve);
    const visitor = await openVisitor(browser);
    const evil = await visitor.newPage();
    await evil.goto(`http://localhost:${await servePages()}`);
    const lay = (path: string) => evil.evaluate(`document.cookie = '${COOKIE}=${laid}; path=${path}'`);

    await lay('/');
    expect(await sessionOf(visitor)).toBe(laid);
    const page = await signedInPage(visitor);
    expect(await sessionOf(visitor)).not.toBe(laid);
    expect(await send(page, { query: ME })).toEqual(isMe('ada'));
    expect(await sessionOf(eve)).toBe(laid);
    expect(await send(eve.pages()[0] as Page, { query: ME })).toEqual(UNAUTHENTICATED);

    // A script cannot write over a cookie that it cannot read, but lay one of another path beside it.
    await lay('/');
    expect(await send(page, { query: ME })).toEqual(isMe('ada'));
    await lay('/graphql');
    expect(await send(page, { query: ME })).toEqual(UNAUTHENTICATED);
  });

  it('runs the guide’s clients in a page that Vite serves, from an origin that is trusted and from no other', async () => {
    const { port } = new URL(viteUrl);
    await startFrontEnd(Number(port), server.origin);
    const visitor = await openVisitor(browser);
    const page = await visitor.newPage();
    await page.goto(viteUrl);
    const call = (expression: string) => page.evaluate(`page.${expression}`);
    const signIn = (password: string) => call(`signIn(${JSON.stringify({ username: 'ada', password })})`);
    const heard = (events: unknown[]) => expect.poll(() => call('events'), { timeout: 20_000 }).toEqual(events);
    const all = (told: string) => ({ 'Apollo Client': told, urql: told, 'graphql-request': told, fetch: told });

    // Vite has first to gather what the clients import.
    await expect.poll(() => page.evaluate('typeof page'), { timeout: 60_000 }).toBe('object');
    expect(await call('askMe()')).toEqual(all('UNAUTHENTICATED'));
    expect(await signIn('wrong')).toEqual(['Unable to log in with provided credentials.']);
    expect(await signIn(PASSWORD)).toEqual([]);
    expect(await call('askMe()')).toEqual(all('ada'));

    await call('followTokens()');
    await heard(['begun']);
    await tessera(['token', 'create', 'ada', '--name', 'phone'], env);
    await heard(['begun', 'CREATED phone']);
    expect(await call('session')).toEqual({ username: 'ada' });
    expect(await call('signOut()')).toEqual({ signOut: { wasSignedIn: true } });
    await heard(['begun', 'CREATED phone', expect.stringMatching(/^REVOKED session /), 'UNAUTHENTICATED']);
    expect(await call('session')).toEqual({ username: null });

    const other = `http://127.0.0.1:${port}`;
    await page.goto(other);
    const reason = `Origin checking failed - ${other} does not match any trusted origins.`;
    expect(await send(page, { query: signInAs('ada') })).toEqual(csrfFailed(reason));
  }, 120_000);
});
