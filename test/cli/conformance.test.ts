import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { Expected } from '../../src/conformance/case.ts';
import { TOKEN_CASES } from '../../src/conformance/cases.ts';
import { ME, REGISTER } from '../../src/conformance/documents.ts';
import { exchange } from '../../src/conformance/exchange.ts';
import type { Row } from '../../src/conformance/run-case.ts';
import { makePeople, PASSWORD, tokenNamesOf } from '../conformance/people.ts';
import { type Fault, listen, startWrongServer } from '../conformance/wrong-server.ts';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn } from '../world.ts';

// It needs no database and no configuration: these variables would stop any command that reads them.
const NO_CONFIGURATION = { PORT: 'none', DATABASE_URL: 'none', TOKEN_SECRETS: 'none' };

async function startPeopled(registration: 'open' | 'closed', authentication: string) {
  const own = await databaseOfItsOwn();
  afterAll(own.drop);
  const env = {
    ...own.env,
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    TOKEN_SECRETS: 't'.repeat(32),
    AUTHENTICATION: authentication,
    JWT_ISSUER: 'https://tessera.test',
    // It is asked all over again for each fault, from one address.
    MAX_LOGIN_FAILURES: '1000000',
    MAX_LOGIN_FAILURES_PER_ADDRESS: '1000000',
    MAX_REGISTRATIONS_PER_ADDRESS: '1000000',
  };
  const { url } = await startServer({ ...env, REGISTRATION: registration }, afterAll);
  return { url, env, ...(await makePeople(env)) };
}

const open = await startPeopled('open', 'token');
const closed = await startPeopled('closed', 'token,jwt,session,basic');
/** What the first of them has no way in for. */
const WAYS = ['jwt', 'session', 'basic'] as const;
const other = TOKEN_CASES.filter(({ needs }) => WAYS.some((way) => needs.includes(way)));
/** What is tried with pairs that no server hands out. */
const withPairs = TOKEN_CASES.filter(({ needs }) => needs.some((need) => /^(expired|inactive) pair$/.test(need)));

function conformance(parts: string[], input = '') {
  return tessera(['conformance', ...parts], NO_CONFIGURATION, input);
}

/** What is to be sent for all cases to be tried: the password, the inactive user's key and the pairs. */
function everything(): string {
  const { inactive, pairs } = closed;
  const lines = Object.entries(pairs).map(([name, { access, refresh }]) => `${name} ${access} ${refresh}`);
  return `${[PASSWORD, inactive.key, ...lines].join('\n')}\n`;
}

const NAMED = ['--username', 'ada', '--password-stdin'];
const names = TOKEN_CASES.map(({ name }) => name);

describe('tessera conformance', () => {
  it('registers a throw-away user where that is open, and says of every case how it went', async () => {
    const { code, stdout, stderr } = await conformance([open.url]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^Registered the user conformance-[0-9a-f]{12} for this\.$/);
    const lacks = new Map([
      ['refuses the key of an inactive user', 'the key of an inactive user'],
      ['refuses an inactive user just like them', 'an inactive user'],
      ['refuses a caller who may not with 403 and no data, under both media types', 'closed registration'],
    ]);
    for (const { name, needs } of other) {
      const inactive = needs.includes('inactive user') && 'an inactive user';
      const user = needs.includes('jwt') ? 'token pairs (AUTHENTICATION)' : 'sessions (AUTHENTICATION)';
      lacks.set(name, inactive || (needs.includes('basic') ? 'Basic (AUTHENTICATION)' : user));
    }
    const rows = names.map((name) =>
      lacks.has(name) ? `skipped  ${name} (needs ${lacks.get(name)})` : `ok       ${name}`,
    );
    const hint = 'Users are named by --username and --inactive-username: see npx tessera conformance --help.';
    expect(lines.slice(1)).toEqual([
      '',
      ...rows,
      '',
      hint,
      `${names.length - lacks.size} ok, 0 failed, ${lacks.size} skipped.`,
      '',
    ]);
  });

  it('logs in as the users named, tries what is tried where registration is closed, and leaves nothing', async () => {
    const { user, url, env } = closed;
    const parts = [url, ...NAMED, '--inactive-username', 'idle', '--pairs-stdin', '--json'];
    const { code, stdout, stderr } = await conformance(parts, everything());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = JSON.parse(stdout) as Row[];
    expect(rows).toEqual(names.map((name) => ({ name, result: 'ok' })));
    // The login token that was there is still there, and the one that was made for this is gone.
    expect(await tokenNamesOf(env, 'ada')).toEqual(['default']);
    const good = { document: ME, headers: [['Authorization', `Token ${user.key}`]] } as const;
    expect((await exchange({ url: new URL(url), timeoutMs: 10_000 }, good)).body).toEqual({
      data: { me: { username: 'ada' } },
    });
  });

  it('says which pairs would be needed where none are given', async () => {
    const parts = [closed.url, ...NAMED, '--inactive-username', 'idle', '--json'];
    const { code, stdout } = await conformance(parts, `${PASSWORD}\n${closed.inactive.key}\n`);
    expect(code).toBe(0);
    const skipped = (JSON.parse(stdout) as Row[]).filter(({ result }) => result === 'skipped');
    expect(skipped).toEqual(
      withPairs.map(({ name }) => ({ name, result: 'skipped', needs: expect.stringMatching(/^a pair /) })),
    );
  });

  it('does not ask a password without white space to keep any', async () => {
    const variables = { username: 'plain', password: 'a fine long password' };
    await exchange({ url: new URL(open.url), timeoutMs: 10_000 }, { document: REGISTER, variables });
    const parts = [open.url, '--username', 'plain', '--password-stdin'];
    const { code, stdout } = await conformance(parts, `${variables.password}\n`);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'skipped  keeps the white space that a password was made with (needs a password with white space at an end)\n',
    );
    expect(stdout).not.toContain('Registered');
  });

  it('skips what needs a user where there is none to be had, and says what would be needed', async () => {
    const { code, stdout } = await conformance([closed.url]);
    expect(code).toBe(0);
    expect(stdout).toContain('skipped  knows the caller by a good key (needs a user)\n');
    expect(stdout).toContain('ok       refuses text that is no key\n');
    expect(stdout).toMatch(/\n\d+ ok, 0 failed, \d+ skipped\.\n$/);
  });

  it('shows no key and no password, whatever fails', async () => {
    let asked = 0;
    // What is asked before the cases is answered well; from then on every reply says all that is known.
    const url = await startWrongServer(closed.url, async (question, forward) => {
      const reply = await forward(question);
      if (++asked <= 7) return reply;
      const message = JSON.stringify([question.body.variables, question.headers, reply.body]);
      return { ...reply, headers: { 'www-authenticate': message }, body: { data: { message }, errors: [{ message }] } };
    });
    const { code, stdout, stderr } = await conformance([url, ...NAMED, '--json'], `${PASSWORD}\n`);
    expect(code).toBe(1);
    for (const hidden of ['<key>', '<password>', '<forged key>', 'tsr_…']) expect(stdout).toContain(hidden);
    expect(stdout + stderr).not.toMatch(/tsr_\w/);
    expect(stdout + stderr).not.toContain(PASSWORD.trim());
  });

  it('sends a terminal nothing but text', async () => {
    const url = await startWrongServer(open.url, async (asked, forward) => {
      const reply = await forward(asked);
      if (reply.status !== 401 || asked.body.query !== ME) return reply;
      return { ...reply, body: { errors: [{ message: '\x1b[2J\x9b\u202e\n!' }] } };
    });
    const { code, stdout } = await conformance([url]);
    expect(code).toBe(1);
    expect(stdout).toContain('401 no code "\\u001b[2J\\u{9b}\\u{202e}\\n!"');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

interface Body {
  data?: { obtainAuthToken?: { __typename?: string } };
  errors?: { message: string; extensions: { code: string } }[];
}

const withoutCredentials: Fault = (asked, forward) => forward({ ...asked, headers: [] });

/** Names of the cases that expect such a reply somewhere, as far as a throw-away user can try them. */
function casesWith(isSuch: (expected: Expected) => boolean): string[] {
  const untriable = ['inactive key', 'inactive user', 'plain user', ...WAYS];
  const triable = TOKEN_CASES.filter(({ needs }) => !needs.some((need) => untriable.includes(need)));
  return triable.filter(({ steps }) => steps.some(({ expected }) => isSuch(expected))).map(({ name }) => name);
}

/** Faults that servers have, and the cases that each of them fails. */
const FAULTS: [fault: string, Fault, failed: string[]][] = [
  [
    'treats a wrong key as none',
    async (asked, forward) => {
      const reply = await forward(asked);
      const isRefused = (reply.body as Body).errors?.[0]?.extensions.code === 'AUTHENTICATION_FAILED';
      return isRefused ? withoutCredentials(asked, forward) : reply;
    },
    [
      'refuses the keyword alone',
      'refuses spaces in a key',
      'refuses a good key with something after it',
      'refuses bytes that are no text',
      'refuses text that is no key',
      'refuses an unknown key of the right form',
      'refuses a forged key: a good one with another proof',
      'refuses any other spelling of a good key',
      'refuses an unknown key as Bearer, with the challenge of RFC 6750',
      'judges a bare Token header as it does the other',
      'refuses the Authorization and the Token header at once, good as they are',
      'refuses bad credentials on public fields too',
      'refuses bad credentials on { __typename } too',
      'refuses the whole request with 401 and no data, under both media types',
      'tells caches to keep nothing, and to mix no callers up',
      'ends a key at logout, and gives another at the next login',
    ],
  ],
  [
    'answers 200 for all',
    async (asked, forward) => ({ ...(await forward(asked)), status: 200 }),
    casesWith((expected) => expected.status !== 200),
  ],
  [
    'decodes keys leniently',
    (asked, forward) =>
      forward({
        ...asked,
        headers: asked.headers.map(([name, value]) => [
          name,
          value.replace(/tsr_([\w-]{43})=?/, (_key, letters) => {
            return `tsr_${Buffer.from(letters, 'base64url').toString('base64url')}`;
          }),
        ]),
      }),
    ['refuses any other spelling of a good key'],
  ],
  [
    'takes the first of two Authorization headers',
    (asked, forward) => {
      const isFirst = ([name]: readonly [string, string], at: number) =>
        name !== 'Authorization' || asked.headers.findIndex(([other]) => other === name) === at;
      return forward({ ...asked, headers: asked.headers.filter(isFirst) });
    },
    ['refuses two Authorization headers, whichever comes first'],
  ],
  [
    'trims passwords',
    ({ headers, body }, forward) => {
      // The server behind knows the untrimmed one; to the outside both spellings of it are good.
      const password = body.variables?.password?.trim();
      const isLogin = body.query.includes('obtainAuthToken') && password;
      return forward({
        headers,
        body: isLogin ? { ...body, variables: { ...body.variables, password: ` ${password} ` } } : body,
      });
    },
    [
      'does not trim passwords: one with a space more is another',
      'keeps the white space that a password was made with',
    ],
  ],
  [
    'tells unknown users from wrong passwords',
    async (asked, forward) => {
      const reply = await forward(asked);
      const isUnknown =
        asked.body.variables?.username?.startsWith('nobody-') &&
        (reply.body as Body).data?.obtainAuthToken?.__typename === 'InvalidCredentialsError';
      return isUnknown
        ? { ...reply, body: { data: { obtainAuthToken: { __typename: 'InvalidCredentialsError', message: 'Who?' } } } }
        : reply;
    },
    ['refuses a wrong password and an unknown user alike'],
  ],
  [
    'only pretends to log out',
    async (asked, forward) =>
      asked.body.query.includes('revokeCurrentToken')
        ? {
            status: 200,
            headers: {},
            body: { data: { revokeCurrentToken: { __typename: 'RevokedToken', name: 'default' } } },
          }
        : forward(asked),
    ['ends a key at logout, and gives another at the next login'],
  ],
  [
    'gives a new key at every login',
    async (asked, forward) => {
      const reply = await forward(asked);
      const key = randomBytes(20).toString('hex');
      const body = JSON.stringify(reply.body).replace(/(?<="obtainAuthToken":.*"key":)"[^"]+"/, JSON.stringify(key));
      return { ...reply, body: JSON.parse(body) };
    },
    [
      'lets no cache keep a key',
      'gives a key for good credentials, and the same key again',
      'keeps the white space that a password was made with',
      'lets no stale header get in the way of a login',
    ],
  ],
  [
    'judges the credentials that come with a login',
    async (asked, forward) => {
      const judged = await forward({ ...asked, body: { query: '{ __typename }' } });
      return judged.status === 401 ? judged : forward(asked);
    },
    ['lets no stale header get in the way of a login'],
  ],
  [
    'sends no challenge',
    async (asked, forward) => {
      const { headers, ...reply } = await forward(asked);
      const { 'www-authenticate': _, ...rest } = headers;
      return { ...reply, headers: rest };
    },
    casesWith((expected) => expected.status === 401),
  ],
  [
    'puts data: null beside a refusal',
    async (asked, forward) => {
      const reply = await forward(asked);
      return reply.status === 401 ? { ...reply, body: { data: null, ...(reply.body as Body) } } : reply;
    },
    casesWith((expected) => expected.status === 401),
  ],
  [
    'lets caches keep keys',
    async (asked, forward) => {
      const { headers, ...reply } = await forward(asked);
      return { ...reply, headers: { ...headers, 'cache-control': 'public, max-age=60' } };
    },
    ['tells caches to keep nothing, and to mix no callers up', 'lets no cache keep a key'],
  ],
];

describe('a server with a fault', () => {
  it.each(FAULTS)('fails in its own rows and in no others: %s', async (_fault, fault, failed) => {
    const { code, stdout, stderr } = await conformance([await startWrongServer(open.url, fault), '--json']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const rows = JSON.parse(stdout) as Row[];
    expect(rows.filter(({ result }) => result === 'failed').map(({ name }) => name)).toEqual(failed);
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  it('has the key that it gave hidden, and it is told that this is another one', async () => {
    const fault = FAULTS.find(([name]) => name === 'gives a new key at every login')?.[1] ?? withoutCredentials;
    const { stdout } = await conformance([await startWrongServer(open.url, fault)]);
    expect(stdout).toMatch(/expected 200 data \S+"key":"<key>".*; got 200 data \S+"key":"<another key>"/);
    expect(stdout).not.toMatch(/[0-9a-f]{40}/);
  });

  it('is told what was expected and what came, in one line', async () => {
    const url = await startWrongServer(open.url, FAULTS[0]?.[1] ?? withoutCredentials);
    const { code, stdout } = await conformance([url]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      [
        'FAILED   refuses bad credentials on public fields too',
        '         request 1: expected 401 AUTHENTICATION_FAILED "Invalid token." WWW-Authenticate: Token; got 200 data {"viewer":null}',
        'FAILED   refuses bad credentials on { __typename } too',
      ].join('\n'),
    );
    expect(stdout).toMatch(/\n20 ok, 16 failed, \d+ skipped\.\n$/);
  });
});

/** Likewise of the server's other ways in, tried as a user and an inactive one. */
const FAULTS_OF_WAYS: [fault: string, Fault, failed: string[]][] = [
  [
    'asks no proof against CSRF',
    (asked, forward) => {
      const isProof = ([name]: readonly [string, string]) => /^(origin|x-tessera-csrf)$/i.test(name);
      const proof = [['Origin', new URL(closed.url).origin] as const, ['X-Tessera-CSRF', '1'] as const];
      return forward({ ...asked, headers: [...asked.headers.filter((header) => !isProof(header)), ...proof] });
    },
    [
      'refuses Basic that a page of another site has sent',
      'refuses the cookie without the proof against CSRF, public fields included',
      'signs nobody in without the proof against CSRF',
    ],
  ],
  [
    'refuses a dead cookie',
    async (asked, forward) => {
      const reply = await forward(asked);
      const isDead = asked.headers.some(([name]) => name === 'Cookie') && !JSON.stringify(reply.body).includes('ada');
      const isOut = JSON.stringify(reply.body).includes('wasSignedIn') || reply.status === 403;
      if (!isDead || isOut || asked.headers.some(([name]) => name === 'Token')) return reply;
      return {
        ...reply,
        status: 401,
        body: { errors: [{ message: 'Who?', extensions: { code: 'UNAUTHENTICATED' } }] },
      };
    },
    ['counts a dead cookie as none', 'gives the browser another cookie at every sign-in, and ends the one before'],
  ],
  [
    'only pretends to revoke a pair',
    (asked, forward) =>
      asked.body.query.includes('revokeTokenPair')
        ? Promise.resolve({
            status: 200,
            headers: {},
            body: { data: { revokeTokenPair: { __typename: 'RevokedTokenPair', revoked: true } } },
          })
        : forward(asked),
    [
      'verifies tokens that are good, and no others',
      'refreshes and revokes a pair no more that was revoked',
      'neither verifies nor refreshes nor revokes by an expired refresh token',
    ],
  ],
  [
    'decodes Basic credentials leniently',
    (asked, forward) => {
      const lenient = (value: string) => {
        const [, word, credentials] = /^(Basic) ([^ ]+)$/.exec(value) ?? [];
        return word && credentials ? `Basic ${Buffer.from(credentials, 'base64').toString('base64')}` : value;
      };
      return forward({ ...asked, headers: asked.headers.map(([name, value]) => [name, lenient(value)]) });
    },
    ['refuses Basic credentials that are no base64', 'refuses any other spelling of Basic credentials'],
  ],
];

describe('a server with a fault in another way in', () => {
  it.each(FAULTS_OF_WAYS)('fails in its own rows and in no others: %s', async (_fault, fault, failed) => {
    const url = await startWrongServer(closed.url, fault);
    const { origin } = new URL(closed.url);
    const parts = [url, ...NAMED, '--inactive-username', 'idle', '--pairs-stdin', '--origin', origin, '--json'];
    const { code, stdout, stderr } = await conformance(parts, everything());
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const rows = JSON.parse(stdout) as Row[];
    expect(rows.filter(({ result }) => result === 'failed').map(({ name }) => name)).toEqual(failed);
    expect(rows.filter(({ result }) => result === 'skipped')).toEqual([]);
    expect(stdout).not.toMatch(/eyJ[\w-]|tsr[a-z]?_\w|tessera-session=/);
  });

  it('is skipped, and says why, where the server trusts another origin', async () => {
    const { code, stdout } = await conformance([closed.url, ...NAMED, '--origin', 'https://x.test'], `${PASSWORD}\n`);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'signs a browser in, and knows the caller by its cookie (needs an origin that the server trusts: --origin)\n',
    );
  });
});

describe('what cannot be tried', () => {
  async function said(parts: string[], input = '') {
    const { code, stdout, stderr } = await conformance(parts, input);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    return stderr.trimEnd();
  }

  it.each(['nonsense', '127.0.0.1:4000', 'ftp://127.0.0.1/', '', '\x1b[2J'])('is no url: %j', async (url) => {
    const shown = url.replace('\x1b', '\\u{1b}');
    expect(await said([url])).toBe(
      `The url must be an http or https one, such as http://127.0.0.1:4000/graphql (got "${shown}").`,
    );
  });

  it('is a url with credentials, which are not shown', async () => {
    const stderr = await said(['http://ada:secret@127.0.0.1/graphql']);
    expect(stderr).toBe('The url must hold no user name and no password. Name a user with --username.');
  });

  it('is an address where nothing listens', async () => {
    expect(await said(['http://127.0.0.1:1/graphql'])).toBe(
      'http://127.0.0.1:1/graphql does not answer: nothing listens there.',
    );
  });

  it('is a server that speaks no TLS', async () => {
    const url = open.url.replace('http:', 'https:');
    expect(await said([url])).toBe(`${url} does not answer: it does not speak TLS.`);
  });

  it('is a server that never answers', async () => {
    const url = await listen(() => {});
    expect(await said([url, '--timeout', '1'])).toBe(`${url} does not answer: there is no reply within 1 s.`);
  });

  it('is a server that never ends its answer', async () => {
    const url = await listen((_request, response) => {
      const more = (): boolean => !response.destroyed && response.write('x'.repeat(65_536), () => setImmediate(more));
      more();
    });
    expect(await said([url])).toBe(`${url} does not answer: the reply does not end within a megabyte.`);
  });

  it.each([
    ['an answer nested past any stack', `{"data":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['things where texts belong', '{"errors":[{"message":{"toString":1},"extensions":{"code":{"valueOf":1}}}]}'],
    ['a key that is no text', '{"data":{"obtainAuthToken":{"__typename":"IssuedToken","key":{"toString":1}}}}'],
  ])('is a hostile server, which sends %s', async (_case, answer) => {
    const url = await listen((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    });
    const { code, stdout, stderr } = await conformance([url]);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain('Internal error');
  });

  it('is no GraphQL server', async () => {
    const url = await listen((_request, response) => {
      response.writeHead(404, { 'content-type': 'text/html; charset=utf-8' }).end('<h1>Not here</h1>');
    });
    expect(await said([url])).toBe(
      `${url} is no GraphQL endpoint: it answers 404, text/html. ` +
        'Name the url that queries are sent to, such as http://127.0.0.1:4000/graphql.',
    );
  });

  it('is a user who cannot log in', async () => {
    expect(await said([closed.url, ...NAMED], 'surely not this one\n')).toBe(
      `The user named by --username cannot log in at ${closed.url}: 200 data ` +
        '{"obtainAuthToken":{"__typename":"InvalidCredentialsError","message":"Unable to log in with provided credentials."}}.',
    );
  });

  it('is a user without a password, and a password without a user', async () => {
    expect(await said([closed.url, '--username', 'ada'])).toBe(
      'A user named needs a password. Send it with --password-stdin.',
    );
    expect(await said([closed.url, '--password-stdin'])).toBe(
      '--password-stdin needs to know whose password it is. Name a user with --username.',
    );
  });

  it('is a pair without its name or its half, which is not shown, or without a password before it', async () => {
    for (const line of ['eyJ.half.secret', 'late eyJ.half.secret tsrr_secret', 'expired eyJ.half.secret']) {
      expect(await said([closed.url, ...NAMED, '--pairs-stdin'], `${PASSWORD}\n\n${line}\n`)).toBe(
        'A line behind the key must be "expired" or "inactive", an access and a refresh token.',
      );
    }
    expect(await said([closed.url, '--pairs-stdin'])).toBe(
      '--pairs-stdin stands behind a password. Name a user with --username.',
    );
  });

  it('is not understood without a url, or with no number of seconds', async () => {
    for (const parts of [[], [open.url, '--timeout', '0'], [open.url, '--timeout', 'x']]) {
      expect(await conformance(parts)).toMatchObject({ code: 2, stdout: '' });
    }
  });
});
