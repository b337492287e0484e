import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { AtHand, Ways } from '../../src/conformance/at-hand.ts';
import type { Header, Step } from '../../src/conformance/case.ts';
import { TOKEN_CASES } from '../../src/conformance/cases.ts';
import { LOGIN, LOGIN_WITHOUT_PASSWORD, ME, TYPENAME, VIEWER, VIEWER_AND_ME } from '../../src/conformance/documents.ts';
import { exchange, post, type Reply } from '../../src/conformance/exchange.ts';
import { fill, placeholdersFor } from '../../src/conformance/placeholders.ts';
import { findPython, startDjango } from '../peers/django/peer.ts';
import { startServer } from '../program.ts';
import { databaseOfItsOwn } from '../world.ts';
import { DIFFERENCES, type Verdict, WITHOUT_COUNTERPART } from './differences.ts';
import { makePeople, PASSWORD } from './people.ts';

// The same requests, header for header and byte for byte, to Tessera and to Django REST framework itself.

const python = findPython();
/** The server's ways in beside keys. */
const WAYS: Ways = { jwt: 'on', session: 'on', basic: 'on' };
const compared = TOKEN_CASES.filter(
  ({ name, needs }) => !(name in WITHOUT_COUNTERPART || needs.some((need) => need in WAYS)),
);

it('is not skipped where CI is set', () => {
  if (!process.env.CI) return;
  expect(python, 'apt-get install -y --no-install-recommends python3-djangorestframework').not.toBeNull();
});

if (python === null) it.skip('compares with Django REST framework: python3-djangorestframework is not installed');
else describe('Tessera and Django REST framework', () => compare(python));

async function compare(installed: string): Promise<void> {
  const here = await startTessera();
  const there = await startPeer(installed);

  describe('say the same, word for word, but for what is listed', () => {
    it.each(compared.map((each) => [each.name, each.steps] as const))('%s', async (name, steps) => {
      const given = [placeholdersFor(here.atHand), placeholdersFor(there.atHand)] as const;
      const difference = DIFFERENCES[name]?.there ?? steps.map(() => null);
      expect(difference).toHaveLength(steps.length);
      for (const [index, step] of steps.entries()) {
        const ours = await here.ask(fill(withoutExpected(step), given[0]));
        const theirs = await there.ask(fill(withoutExpected(step), given[1]));
        const wanted = difference[index] ?? null;
        expect(theirs, `request ${index + 1}`).toEqual(wanted ?? ours);
        if (wanted !== null) expect(theirs, `request ${index + 1} differs no longer`).not.toEqual(ours);
      }
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

type Question = Omit<Step, 'expected'>;

function withoutExpected({ expected: _, ...question }: Step): Question {
  return question;
}

async function startTessera() {
  const own = await databaseOfItsOwn();
  afterAll(own.drop);
  const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
  const { url } = await startServer({ ...env, REGISTRATION: 'open' }, afterAll);
  const atHand: AtHand = { ...(await makePeople(env)), registration: 'open', origin: '', ways: WAYS };
  const endpoint = { url: new URL(url), timeoutMs: 10_000 };
  const ask = async (question: Question) => verdictHere(await exchange(endpoint, question), atHand);
  return { atHand, ask };
}

async function startPeer(installed: string) {
  const people = await startDjango(installed, [
    { username: 'ada', password: PASSWORD, isActive: true },
    { username: 'idle', password: PASSWORD, isActive: false },
  ]);
  afterAll(people.stop);
  const { ada: key = '', idle = '' } = people.keys;
  const atHand: AtHand = {
    user: { username: 'ada', password: PASSWORD, tokenName: 'default', key, isStaff: false, isThrowAway: false },
    inactive: { username: 'idle', password: PASSWORD, key: idle },
    registration: null,
    origin: people.origin,
    ways: WAYS,
  };
  async function ask({ document, variables = {}, ...rest }: Question): Promise<Verdict> {
    const url = new URL(pathOf(document), people.origin);
    const body = document === LOGIN_WITHOUT_PASSWORD ? { username: 'ada' } : variables;
    return verdictThere(await post({ url, timeoutMs: 10_000 }, body, rest), atHand);
  }
  return { atHand, ask };
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
  };
  const path = paths[document];
  if (!path) throw new Error(`Django REST framework has no counterpart of ${document}`);
  return path;
}

interface BodyHere {
  data?: {
    me?: { username: string };
    viewer?: { username: string } | null;
    obtainAuthToken?: { key?: string; message?: string };
  };
  errors?: { message: string }[];
}

function verdictHere({ status, headers, body }: Reply, { user }: AtHand): Verdict {
  const { data, errors } = body as BodyHere;
  const login = data?.obtainAuthToken;
  const words = errors?.[0]?.message ?? login?.message ?? (login && keyInWords(login.key, user?.key));
  const message = words ?? data?.me?.username ?? data?.viewer?.username ?? 'nobody';
  return { status, message, challenge: headers['www-authenticate'] ?? null };
}

function verdictThere({ status, headers, body }: Reply, { user }: AtHand): Verdict {
  const { detail, token, username, non_field_errors, ...fields } = body as Record<
    string,
    string | string[] | undefined
  >;
  const words = detail ?? (token && keyInWords(String(token), user?.key)) ?? non_field_errors?.[0];
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
