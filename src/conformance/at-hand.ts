import { randomBytes } from 'node:crypto';
import { OperatorError } from '../errors.ts';
import type { Header, Need } from './case.ts';
import { LOGIN, LOGOUT, ME, REFRESH_PAIR, REGISTER, SIGN_OUT, STANDING, TYPENAME } from './documents.ts';
import { type Endpoint, exchange, NoAnswer, type Reply } from './exchange.ts';
import { summaryOf } from './summary.ts';

/** Somebody who can log in, and the key of his login token of that name. */
export interface SignedUp {
  username: string;
  password: string;
  tokenName: string;
  key: string;
  isStaff: boolean;
  /** Made for this run alone. */
  isThrowAway: boolean;
}

export interface Inactive {
  username: string;
  password: string;
  /** Null: not known, since no server hands it out. */
  key: string | null;
}

/** An access and a refresh token. */
export interface Pair {
  access: string;
  refresh: string;
}

/** Pairs that no server hands out: one that has expired, both of it, and that of a user who became inactive since. */
export type Pairs = Partial<Record<'expired' | 'inactive', Pair>>;

/** What there is to try cases with. */
export interface AtHand {
  user: SignedUp | null;
  inactive: Inactive | null;
  pairs: Pairs;
  /** Null: the server did not say. */
  registration: 'open' | 'closed' | null;
  /** The origin that browsers' requests name. */
  origin: string;
  ways: Ways;
}

/** Which ways in the server has beside keys; why not, in words that follow "needs". */
export type Ways = Record<'jwt' | 'session' | 'basic', 'on' | { lack: string }>;

/** What the operator has named. */
export interface Given {
  user: { username: string; password: string } | null;
  inactive: Inactive | null;
  pairs?: Pairs;
  /** Null: that of the endpoint. */
  origin: string | null;
}

// Not `default`: the cases log out, and the sessions of a real user are none of their business.
const TOKEN_NAME = 'conformance';

/**
 * What there is to try cases with on this server: the user named, logged in, or else a throw-away one where
 * registration is open. Throws OperatorError when no GraphQL server answers there, or the user cannot log in.
 */
export async function gather(endpoint: Endpoint, { user, inactive, pairs = {}, ...given }: Given): Promise<AtHand> {
  await requireGraphQL(endpoint);
  const registration = await findRegistration(endpoint);
  const origin = given.origin ?? endpoint.url.origin;
  const around = { inactive, pairs, registration, origin, ways: await findWays(endpoint, origin) };
  if (user) return { user: await logIn(endpoint, user), ...around };
  return { user: registration === 'open' ? await register(endpoint) : null, ...around };
}

/** Ends the token that the last login of the cases has left. */
export async function takeLeave(endpoint: Endpoint, { user }: AtHand): Promise<void> {
  if (!user) return;
  const { username, password, tokenName } = user;
  const reply = await askOnce(endpoint, LOGIN, { username, password, name: tokenName });
  const key = ((reply.body ?? {}) as Body).data?.obtainAuthToken?.key;
  await exchange(endpoint, { document: LOGOUT, headers: [['Authorization', `Token ${key}`]] });
}

/** The first thing that this case needs and that is not at hand, in words, or null. */
export function findLack(needs: readonly Need[], { user, inactive, pairs, registration, ways }: AtHand): string | null {
  const lacks: Record<Need, string | false> = {
    user: !user && 'a user',
    'spaced password': user?.password === user?.password.trim() && 'a password with white space at an end',
    'plain user': user?.isStaff !== false && 'a user who is not staff',
    'inactive user': !inactive && 'an inactive user',
    'inactive key': !inactive?.key && 'the key of an inactive user',
    'closed registration': registration !== 'closed' && 'closed registration',
    'expired pair': !pairs.expired && 'a pair that has expired',
    'inactive pair': !pairs.inactive && 'a pair of a user who became inactive since',
    jwt: lackOf(ways.jwt),
    session: lackOf(ways.session),
    basic: lackOf(ways.basic),
  };
  return needs.map((need) => lacks[need]).find((lack) => lack !== false) ?? null;
}

function lackOf(way: Ways[keyof Ways]): string | false {
  return way !== 'on' && way.lack;
}

async function requireGraphQL(endpoint: Endpoint): Promise<void> {
  const reply = await askOnce(endpoint, TYPENAME);
  const { body } = reply;
  const isGraphQL = typeof body === 'object' && body !== null && ('data' in body || 'errors' in body);
  if (isGraphQL) return;
  const type = reply.headers['content-type']?.split(';', 1)[0] ?? 'no media type';
  throw new OperatorError(
    `${endpoint.url.href} is no GraphQL endpoint: it answers ${reply.status}, ${type}. ` +
      'Name the url that queries are sent to, such as http://127.0.0.1:4000/graphql.',
  );
}

// Blank, so that nobody is made: where registration is open the blanks are named, else the caller is.
async function findRegistration(endpoint: Endpoint): Promise<AtHand['registration']> {
  const { body } = await askOnce(endpoint, REGISTER, { username: '', password: '' });
  const { data, errors } = (body ?? {}) as Body;
  if (data?.createUser?.__typename === 'ValidationError') return 'open';
  return errors?.[0]?.extensions?.code === 'UNAUTHENTICATED' ? 'closed' : null;
}

/**
 * Which of its ways in the server has, asked so that nobody comes in by them: with a refresh token that is none, by
 * signing out a browser that is not signed in, and with a Basic header that has no password in it.
 */
export async function findWays(endpoint: Endpoint, origin: string): Promise<Ways> {
  const pair = await askOnce(endpoint, REFRESH_PAIR, { refresh: 'none' });
  const browser = await askOnce(endpoint, SIGN_OUT, {}, [
    ['X-Tessera-CSRF', '1'],
    ['Origin', origin],
  ]);
  const basic = await askOnce(endpoint, ME, {}, [['Authorization', 'Basic']]);
  const [csrf = '', header = ''] = [browser, basic].map(messageOf);
  return {
    jwt: isAnswered(pair, 'refreshTokenPair') ? 'on' : { lack: 'token pairs (AUTHENTICATION)' },
    session: isAnswered(browser, 'signOut')
      ? 'on'
      : {
          lack: csrf.startsWith('CSRF Failed:')
            ? 'an origin that the server trusts: --origin'
            : 'sessions (AUTHENTICATION)',
        },
    basic: header.startsWith('Invalid basic header.')
      ? 'on'
      : { lack: basic.headers['www-authenticate']?.startsWith('Basic') ? 'https for Basic' : 'Basic (AUTHENTICATION)' },
  };
}

function messageOf({ body }: Reply): string {
  const message = ((body ?? {}) as Body).errors?.[0]?.message;
  return typeof message === 'string' ? message : '';
}

function isAnswered({ body }: Reply, field: string): boolean {
  return Boolean(((body ?? {}) as Body).data?.[field]);
}

/** A user of a random name, whose password has white space at both ends, for the cases that look there. */
async function register(endpoint: Endpoint): Promise<SignedUp> {
  const username = `conformance-${randomBytes(6).toString('hex')}`;
  const password = ` ${randomBytes(24).toString('base64url')} `;
  const reply = await askOnce(endpoint, REGISTER, { username, password });
  const key = ((reply.body ?? {}) as Body).data?.createUser?.key;
  if (typeof key === 'string')
    return { username, password, tokenName: 'default', key, isStaff: false, isThrowAway: true };
  throw new OperatorError(
    `Registration is open at ${endpoint.url.href}, but a user could not be made: ${summaryOf(reply, { password })}. ` +
      'Name one with --username.',
  );
}

async function logIn(endpoint: Endpoint, { username, password }: NonNullable<Given['user']>): Promise<SignedUp> {
  const reply = await askOnce(endpoint, LOGIN, { username, password, name: TOKEN_NAME });
  const key = ((reply.body ?? {}) as Body).data?.obtainAuthToken?.key;
  if (typeof key !== 'string') {
    throw new OperatorError(
      `The user named by --username cannot log in at ${endpoint.url.href}: ${summaryOf(reply, { password })}.`,
    );
  }
  const standing = await exchange(endpoint, { document: STANDING, headers: [['Authorization', `Token ${key}`]] });
  const me = ((standing.body ?? {}) as Body).data?.me;
  const isStaff = me?.isStaff !== false || me.isSuperuser !== false;
  return { username, password, tokenName: TOKEN_NAME, key, isStaff, isThrowAway: false };
}

async function askOnce(
  endpoint: Endpoint,
  document: string,
  variables: Record<string, string> = {},
  headers: Header[] = [],
): Promise<Reply> {
  try {
    return await exchange(endpoint, { document, variables, headers });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    throw new OperatorError(`${endpoint.url.href} does not answer: ${error.message}.`);
  }
}

interface Body {
  data?: Partial<Record<string, Partial<Record<string, unknown>> | null>> | null;
  errors?: ({ message?: unknown; extensions?: { code?: string } } | null)[];
}
