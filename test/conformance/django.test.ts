import fc from 'fast-check';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AtHand, Ways } from '../../src/conformance/at-hand.ts';
import type { Header, Need, Step } from '../../src/conformance/case.ts';
import { TOKEN_CASES } from '../../src/conformance/cases.ts';
import {
  LOGIN,
  LOGIN_WITHOUT_PASSWORD,
  ME,
  OBTAIN_PAIR,
  REFRESH_PAIR,
  REGISTER,
  REVOKE_PAIR,
  SIGN_IN,
  TYPENAME,
  VERIFY,
  VIEWER,
  VIEWER_AND_ME,
} from '../../src/conformance/documents.ts';
import { exchange, post, type Reply } from '../../src/conformance/exchange.ts';
import { fill, keptFrom, type Placeholders, placeholdersFor } from '../../src/conformance/placeholders.ts';
import { findPython, startDjango } from '../peers/django/peer.ts';
import { startServer } from '../program.ts';
import { databaseOfItsOwn } from '../world.ts';
import { DIFFERENCES, type Verdict, WITHOUT_COUNTERPART } from './differences.ts';
import { makePeople, PASSWORD } from './people.ts';

// The same requests, header for header and byte for byte, to Tessera and to Django REST framework itself.

const python = findPython();
/** The server's ways in beside keys. */
const WAYS: Ways = { jwt: 'on', session: 'on', basic: 'on' };
const compared = TOKEN_CASES.filter(({ name, needs }) => !(name in WITHOUT_COUNTERPART || needs.includes('session')));

it('is not skipped where CI is set', () => {
  if (!process.env.CI) return;
  expect(python, 'apt-get install -y --no-install-recommends python3-djangorestframework-simplejwt').not.toBeNull();
});

if (python === null)
  it.skip('compares with Django REST framework: python3-djangorestframework-simplejwt is not installed');
else describe('Tessera and Django REST framework', () => compare(python));

async function compare(installed: string): Promise<void> {
  const here = await startTessera();
  const there = await startPeer(installed);

  describe('say the same, word for word, but for what is listed', () => {
    it.each(compared.map((each) => [each.name, each] as const))('%s', async (name, { steps, needs }) => {
      const way = wayOf(needs);
      const given = [here.atHand, there.atHand].map((atHand) => placeholdersFor(knownTo(way, atHand))) as [
        Placeholders,
        Placeholders,
      ];
      const difference = DIFFERENCES[name]?.there ?? steps.map(() => null);
      expect(difference).toHaveLength(steps.length);
      for (const [index, step] of steps.entries()) {
        const ours = comparable(way, await here.ask(fill(withoutExpected(step), given[0]), way, step.keep));
        const theirs = comparable(way, await there.ask(fill(withoutExpected(step), given[1]), way, step.keep));
        Object.assign(given[0], here.kept());
        Object.assign(given[1], there.kept());
        const wanted = difference[index] ?? null;
        expect(theirs, `request ${index + 1}`).toEqual(wanted ?? ours);
        if (wanted !== null) expect(theirs, `request ${index + 1} differs no longer`).not.toEqual(ours);
      }
    });
  });

  it('refuse a session’s cookie alike without the proof against CSRF, each by its own', async () => {
    const proof: Header[] = [
      ['X-Tessera-CSRF', '1'],
      ['Origin', here.atHand.origin],
    ];
    const signIn = await exchange(here.endpoint, { document: SIGN_IN, variables: UNSPACED, headers: proof });
    const { cookie = '' } = keptFrom(signIn, { cookie: 'cookie' });
    // There, a value that the page repeats from a cookie; here, a header that no page of another site can send.
    const csrf = 'c'.repeat(32);
    const foreign: Header = ['Origin', 'https://elsewhere.example'];
    const asked = {
      here: (sent: string, headers: Header[]) => here.ask({ document: ME, headers: [['Cookie', sent], ...headers] }),
      there: (sent: string, headers: Header[]) =>
        there.ask({ document: ME, headers: [['Cookie', `${sent}; csrftoken=${csrf}`], ...headers] }, 'session'),
    };
    const token: Header = ['X-CSRFToken', csrf];
    const proofThere: Header[] = [token, ['Origin', there.atHand.origin]];

    expect(await asked.here(cookie, proof)).toEqual({ status: 200, message: 'grace', challenge: null });
    expect(await asked.there(there.cookie, proofThere)).toEqual({ status: 200, message: 'ada', challenge: null });
    for (const { status, message } of [await asked.here(cookie, []), await asked.there(there.cookie, [])]) {
      expect([status, message]).toEqual([403, expect.stringMatching(/^CSRF Failed: /)]);
    }
    expect(await asked.here(cookie, [['X-Tessera-CSRF', '1'], foreign])).toEqual({
      status: 403,
      message: 'CSRF Failed: Origin checking failed - https://elsewhere.example does not match any trusted origins.',
      challenge: null,
    });
    // Django looks at Origin from 4.0 on, in the words above; Debian's is 3.2.
    expect(await asked.there(there.cookie, [token, foreign])).toMatchObject({ status: 200, message: 'ada' });
    // A dead cookie counts as none. Their session scheme has no challenge, and so no 401.
    const message = 'Authentication credentials were not provided.';
    const dead = `${cookie.slice(0, -8)}AAAAAAAA`;
    expect(await asked.here(dead, proof)).toEqual({ status: 401, message, challenge: 'Token' });
    expect(await asked.there('sessionid=dead', proofThere)).toEqual({ status: 403, message, challenge: null });
  });

  it('judge the access token of a user who became inactive alike, whether they look at the user or not', async () => {
    const asked = (atHand: AtHand): Question => ({
      document: ME,
      headers: [['Authorization', `Bearer ${atHand.pairs.inactive?.access}`]],
    });
    // By its signature alone, which is the default here and JWTStatelessUserAuthentication there.
    expect(await here.ask(asked(here.atHand))).toEqual({ status: 200, message: 'idle', challenge: null });
    expect(await there.ask(asked(there.atHand), 'jwt-stateless')).toMatchObject({ status: 200 });
    // With a look at the user, which is JWT_CHECK=strict here and the default there.
    const strict = await startTessera(onTestFinished, { JWT_CHECK: 'strict' });
    const message = 'User is inactive';
    const challenge = `Bearer error="invalid_token", error_description="${message}"`;
    expect(await strict.ask(asked(strict.atHand))).toEqual({ status: 401, message, challenge });
    expect(await there.ask(asked(there.atHand), 'jwt')).toEqual({
      status: 401,
      message,
      challenge: 'Bearer realm="api"',
    });
  });

  it('agree on any Authorization header, but for Bearer and a key', async () => {
    const heard = new Set<string>();
    await fc.assert(
      fc.asyncProperty(anyAuthorization(), async (header) => {
        const ours = await here.ask({ document: ME, headers: headersWith(header, here.atHand) });
        heard.add(ours.message);
        const theirs = await there.ask({ document: ME, headers: headersWith(header, there.atHand) });
        if (isBearerOfOurs(header)) expect(theirs).not.toEqual(ours);
        else expect(theirs).toEqual(ours);
      }),
      { numRuns: 200 },
    );
    // Each of them is hit about twenty times: headers that all fail alike would compare nothing.
    expect(heard).toEqual(
      new Set([
        'ada',
        'Authentication credentials were not provided.',
        'Invalid token header. No credentials provided.',
        'Invalid token header. Token string should not contain spaces.',
        'Invalid token header. Token string should not contain invalid characters.',
        'Invalid token.',
      ]),
    );
  });
}

describe('the list of wanted differences', () => {
  it('names cases of the table alone, each with a reason', () => {
    const names = TOKEN_CASES.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...Object.keys(DIFFERENCES), ...Object.keys(WITHOUT_COUNTERPART)]));
    const reasons = [...Object.values(DIFFERENCES).map(({ why }) => why), ...Object.values(WITHOUT_COUNTERPART)];
    expect(reasons.filter((reason) => reason.length < 20)).toEqual([]);
    expect(Object.keys(DIFFERENCES).filter((name) => name in WITHOUT_COUNTERPART)).toEqual([]);
  });
});

type Question = Omit<Step, 'expected' | 'keep'>;
type Keep = NonNullable<Step['keep']>;

function wayOf(needs: readonly Need[]): Way {
  return (Object.keys(WAYS) as (keyof Ways)[]).find((way) => needs.includes(way)) ?? 'token';
}

type Way = keyof Ways | 'token' | 'jwt-stateless';

function withoutExpected({ expected: _, keep: __, ...question }: Step): Question {
  return question;
}

async function startTessera(
  atTheEnd: (end: () => Promise<void>) => void = afterAll,
  variables: Record<string, string> = {},
) {
  const own = await databaseOfItsOwn();
  atTheEnd(own.drop);
  const env = {
    ...own.env,
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    TOKEN_SECRETS: 't'.repeat(32),
    AUTHENTICATION: 'token,jwt,session,basic',
    JWT_ISSUER: 'https://tessera.test',
    ...variables,
  };
  const { url, origin } = await startServer({ ...env, REGISTRATION: 'open' }, atTheEnd);
  const atHand: AtHand = { ...(await makePeople(env)), registration: 'open', origin, ways: WAYS };
  const endpoint = { url: new URL(url), timeoutMs: 10_000 };
  await exchange(endpoint, { document: REGISTER, variables: UNSPACED });
  let kept: Placeholders = {};
  async function ask(question: Question, _way: Way = 'token', keep: Keep = {}): Promise<Verdict> {
    const reply = await exchange(endpoint, question);
    kept = keptFrom(reply, keep);
    return verdictHere(reply, atHand);
  }
  return { atHand, endpoint, ask, kept: () => kept };
}

async function startPeer(installed: string) {
  const people = await startDjango(installed, [
    { username: 'ada', password: PASSWORD, isActive: true },
    { username: 'idle', password: PASSWORD, isActive: false },
    { ...UNSPACED, isActive: true },
  ]);
  afterAll(people.stop);
  const { ada: key = '', idle = '' } = people.keys;
  const atHand: AtHand = {
    user: { username: 'ada', password: PASSWORD, tokenName: 'default', key, isStaff: false, isThrowAway: false },
    inactive: { username: 'idle', password: PASSWORD, key: idle },
    pairs: people.pairs,
    registration: null,
    origin: people.origin,
    ways: WAYS,
  };
  let kept: Placeholders = {};
  async function ask(
    { document, variables = {}, ...rest }: Question,
    way: Way = 'token',
    keep: Keep = {},
  ): Promise<Verdict> {
    const url = new URL(way !== 'token' && document === ME ? `/${way}/me` : pathOf(document), people.origin);
    const body = document === LOGIN_WITHOUT_PASSWORD ? { username: 'ada' } : variables;
    const reply = await post({ url, timeoutMs: 10_000 }, body, rest);
    // What stands in a field of its own there stands in that of the mutation here.
    kept = keptFrom({ ...reply, body: { data: reply.body } }, mapPaths(keep));
    return verdictThere(reply, atHand);
  }
  return { atHand, cookie: people.cookies.ada ?? '', ask, kept: () => kept };
}

function mapPaths(keep: Keep): Keep {
  return Object.fromEntries(
    Object.entries(keep).map(([name, kept]) => [name, typeof kept === 'string' ? kept : kept.slice(-1)]),
  );
}

/** simplejwt trims passwords: whoever has white space at an end of his gets no pair there. */
const UNSPACED = { username: 'grace', password: PASSWORD.trim() };

function knownTo(way: Way, atHand: AtHand): AtHand {
  return way === 'jwt' && atHand.user ? { ...atHand, user: { ...atHand.user, ...UNSPACED } } : atHand;
}

/** What mutations answer is data here (decision 007), and Bearer is challenged as RFC 6750 has it: the words are left. */
function comparable(way: Way, verdict: Verdict): Verdict {
  return way === 'jwt' ? { ...verdict, status: 0, challenge: null } : verdict;
}

/** The view that does there what the document does here. */
function pathOf(document: string): string {
  const paths: Record<string, string> = {
    [ME]: '/me',
    [VIEWER_AND_ME]: '/me',
    [VIEWER]: '/viewer',
    [TYPENAME]: '/viewer',
    [LOGIN]: '/login',
    [LOGIN_WITHOUT_PASSWORD]: '/login',
    [OBTAIN_PAIR]: '/jwt/obtain',
    [REFRESH_PAIR]: '/jwt/refresh',
    [VERIFY]: '/jwt/verify',
    [REVOKE_PAIR]: '/jwt/blacklist',
  };
  const path = paths[document];
  if (!path) throw new Error(`Django REST framework has no counterpart of ${document}`);
  return path;
}

interface ReplyToToken {
  __typename: string;
  message?: string;
}

interface BodyHere {
  data?: {
    me?: { username: string };
    viewer?: { username: string } | null;
    obtainAuthToken?: { key?: string; message?: string };
    obtainTokenPair?: ReplyToToken;
    refreshTokenPair?: ReplyToToken;
    verifyToken?: ReplyToToken;
    revokeTokenPair?: ReplyToToken;
  };
  errors?: { message: string }[];
}

function verdictHere({ status, headers, body }: Reply, { user }: AtHand): Verdict {
  const { data, errors } = body as BodyHere;
  const login = data?.obtainAuthToken;
  const token = data?.obtainTokenPair ?? data?.refreshTokenPair ?? data?.verifyToken ?? data?.revokeTokenPair;
  const told = token && (token.message ?? (token.__typename === 'TokenPair' ? 'a pair' : 'done'));
  const words = errors?.[0]?.message ?? told ?? login?.message ?? (login && keyInWords(login.key, user?.key));
  const message = words ?? data?.me?.username ?? data?.viewer?.username ?? 'nobody';
  return { status, message, challenge: headers['www-authenticate'] ?? null };
}

function verdictThere({ status, headers, body }: Reply, { user }: AtHand): Verdict {
  const {
    detail,
    token,
    username,
    non_field_errors,
    code: _,
    messages: __,
    access,
    ...fields
  } = body as Record<string, string | string[] | undefined>;
  const words =
    detail ??
    (access && 'a pair') ??
    (Object.keys(body as object).length === 0 ? 'done' : undefined) ??
    (token && keyInWords(String(token), user?.key)) ??
    non_field_errors?.[0];
  // A name is a person, a list what is wrong with the field of that name.
  const named = Array.isArray(username) ? { username, ...fields } : fields;
  const perField = Object.entries(named).map(([name, told]) => `${name}: ${told?.[0]}`);
  const who = typeof username === 'string' ? username : 'nobody';
  const message = String(words ?? (perField.length > 0 ? perField.join(' ') : who));
  return { status, message, challenge: headers['www-authenticate'] ?? null };
}

function keyInWords(key: string | undefined, known: string | undefined): string {
  return key === known ? 'the key at hand' : 'another key';
}

/** Words and white space between them; KEY stands for a good key of whichever server is asked. */
const KEY = Symbol('key');
type Piece = string | typeof KEY;

function headersWith(pieces: readonly Piece[], { user }: AtHand): Header[] {
  return [['Authorization', pieces.map((piece) => (piece === KEY ? (user?.key ?? '') : piece)).join('')]];
}

/** What HTTP lets through in a header's value, the likely mistakes more often than chance would have them. */
function anyAuthorization(): fc.Arbitrary<Piece[]> {
  const gap = fc.stringMatching(/^[ \t]{1,4}$/);
  const keyword = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('Token', 'token', 'TOKEN', 'tOkEn') },
    { weight: 1, arbitrary: fc.constantFrom('Tokens', 'Tok', 'Digest', 'Token,', 'Token:', '') },
  );
  const bytes = fc.uint8Array({ min: 0x21, maxLength: 60 }).map((each) => Buffer.from(each).toString('latin1'));
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((each) => Buffer.from(each).toString('latin1'));
  const part = fc.oneof(
    fc.constant<Piece>(KEY),
    fc.oneof(bytes, text).map((each): Piece => each.replaceAll(/[\0-\x20\x7f]/g, '')),
  );
  const parts = fc.array(fc.tuple(gap, part), { maxLength: 3 }).map((each) => each.flat());
  // Other Bearers and Basic are other schemes' words, and no token request.
  const ours = fc.tuple(fc.constantFrom('Bearer', 'bearer', 'BEARER'), gap, fc.constant<Piece>(KEY));
  const start = fc.oneof({ weight: 9, arbitrary: keyword.map((word): Piece[] => [word]) }, ours);
  const edge = fc.option(gap, { nil: '' });
  return fc
    .tuple(edge, start, parts, edge)
    .map(([before, first, rest, after]) => [before, ...first, ...rest, after])
    .filter((pieces) => !isChangedByPeer(pieces));
}

// Python's own little HTTP server strips what Latin-1 calls white space before Django sees the header.
function isChangedByPeer(pieces: readonly Piece[]): boolean {
  const text = pieces.map((piece) => (piece === KEY ? 'key' : piece)).join('');
  return /^[ \t]*[\x85\xa0]|[\x85\xa0][ \t]*$/.test(text);
}

function isBearerOfOurs(pieces: readonly Piece[]): boolean {
  return /^bearer$/i.test(String(pieces[1]));
}
