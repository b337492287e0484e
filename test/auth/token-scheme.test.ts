import { describe, expect, it } from 'vitest';
import { authenticate, credentialsMissing } from '../../src/auth/authenticate.ts';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import { tokenScheme } from '../../src/auth/schemes/token.ts';
import { NO_SENDER } from '../../src/auth/sender.ts';
import type { TokenViewer } from '../../src/auth/viewer.ts';
import type { RequestRefused } from '../../src/errors.ts';

const secrets = ['s'.repeat(32)] as const;
const now = new Date('2030-01-01T00:00:00Z');
const id = newTokenId();
const key = keyOf({ id }, secrets);

function viewerOf({ isActive = true, expiresAt = null as Date | null } = {}): TokenViewer {
  return {
    user: {
      id: 'u',
      username: 'ada',
      email: null,
      isActive,
      isStaff: false,
      isSuperuser: false,
      dateJoined: now,
      lastLogin: null,
    },
    token: {
      id,
      userId: 'u',
      kind: 'LOGIN',
      name: 'default',
      scopes: ['*'],
      createdAt: now,
      expiresAt,
      lastUsedAt: null,
      supersededAt: null,
    },
  };
}

const unlimited = { lifetimeSeconds: null, idleLifetimeSeconds: null };
const lifetimes = { LOGIN: unlimited, SESSION: unlimited };

interface Given {
  viewer?: TokenViewer;
  keyword?: string;
}

/** The viewer that these headers prove, or the refusal's message and challenge. */
async function outcome(headers: Record<string, string>, { viewer = viewerOf(), keyword = 'Token' }: Given = {}) {
  const lookups: string[] = [];
  const scheme = tokenScheme({
    keyword,
    leavesJwts: false,
    secrets,
    lifetimes,
    noteUse: () => {},
    noteRefusal: () => {},
    now: () => now,
    findViewer: async (tokenId) => {
      lookups.push(tokenId);
      return tokenId === id ? viewer : null;
    },
  });
  try {
    const found = await authenticate(Object.assign(new Headers(headers), { isPrivate: true, sender: NO_SENDER }), [
      scheme,
    ]);
    return { viewer: found?.user.username ?? null, lookups: lookups.length };
  } catch (error) {
    const { code, message, headers: given } = error as RequestRefused;
    return { code, message, challenge: given['WWW-Authenticate'], lookups: lookups.length };
  }
}

const ada = { viewer: 'ada', lookups: 1 };
const anonymous = { viewer: null, lookups: 0 };
const refused = (message: string, lookups = 0, challenge = 'Token') => ({
  code: 'AUTHENTICATION_FAILED',
  message,
  challenge,
  lookups,
});

describe('the token scheme', () => {
  it.each([
    ['Token <key>', { authorization: `Token ${key}` }],
    ['the keyword in any case and any run of white space', { authorization: ` tOKEN \t  ${key} ` }],
    ['Bearer tsr_…', { authorization: `Bearer ${key}` }],
    ['a bare Token header', { token: key }],
    ['a bare Token header beside an Authorization that is not ours', { token: key, authorization: 'Basic YTpi' }],
  ])('knows the caller by %s', async (_case, headers) => {
    expect(await outcome(headers)).toEqual(ada);
  });

  it('takes another keyword as configured, Bearer among them', async () => {
    expect(await outcome({ authorization: `ApiKey ${key}` }, { keyword: 'ApiKey' })).toEqual(ada);
    expect(await outcome({ authorization: `Token ${key}` }, { keyword: 'ApiKey' })).toEqual(anonymous);
    expect(await outcome({ authorization: 'Bearer nonsense' }, { keyword: 'Bearer' })).toMatchObject({
      message: 'Invalid token.',
    });
  });

  it.each([
    ['no header', {}],
    ['an empty Authorization', { authorization: '' }],
    ['a keyword that no scheme knows', { authorization: 'Digest abc' }],
    ['a Bearer that is no Tessera key', { authorization: 'Bearer eyJhbGciOi' }],
    ['the key without a keyword', { authorization: key }],
  ])('passes over %s', async (_case, headers) => {
    expect(await outcome(headers)).toEqual(anonymous);
  });

  it.each([
    ['no credentials', { authorization: 'Token' }, 'Invalid token header. No credentials provided.'],
    ['an empty Token header', { token: ' ' }, 'Invalid token header. No credentials provided.'],
    ['spaces', { authorization: `Token ${key} x` }, 'Invalid token header. Token string should not contain spaces.'],
    ['spaces in the bare header', { token: 'a b' }, 'Invalid token header. Token string should not contain spaces.'],
    [
      'bytes that are no text',
      { authorization: 'Token \xff\xfe' },
      'Invalid token header. Token string should not contain invalid characters.',
    ],
    ['a key of other letters', { authorization: 'Token \xc3\xa9' }, 'Invalid token.'],
    ['a forged key', { authorization: `Token ${key.slice(0, -2)}AA` }, 'Invalid token.'],
    [
      'a forged key as Bearer',
      { authorization: `Bearer ${key.slice(0, -2)}AA` },
      'Invalid token.',
      'Bearer error="invalid_token", error_description="Invalid token."',
    ],
    [
      'two credentials',
      { authorization: `Token ${key}`, token: key },
      'Two credentials were sent. Send the Authorization or the Token header, not both.',
    ],
  ])('refuses %s without asking the database', async (_case, headers, message, challenge = 'Token') => {
    expect(await outcome(headers as Record<string, string>)).toEqual(refused(message, 0, challenge));
  });

  it('refuses a good key whose token is gone', async () => {
    const gone = keyOf({ id: newTokenId() }, secrets);
    expect(await outcome({ authorization: `Token ${gone}` })).toEqual(refused('Invalid token.', 1));
  });

  it('refuses a token at its expiry instant, and accepts it a millisecond before', async () => {
    const expired = viewerOf({ expiresAt: now });
    const alive = viewerOf({ expiresAt: new Date(now.getTime() + 1) });
    expect(await outcome({ token: key }, { viewer: expired })).toEqual(refused('Invalid token.', 1));
    expect(await outcome({ token: key }, { viewer: alive })).toEqual(ada);
  });

  it('refuses an inactive user', async () => {
    expect(await outcome({ token: key }, { viewer: viewerOf({ isActive: false }) })).toEqual(
      refused('User inactive or deleted.', 1),
    );
  });

  it('is what a caller without credentials is challenged by', () => {
    const scheme = tokenScheme({
      keyword: 'Token',
      leavesJwts: false,
      secrets,
      lifetimes,
      noteUse: () => {},
      noteRefusal: () => {},
      now: () => now,
      findViewer: async () => null,
    });
    expect(credentialsMissing([scheme])).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: 'Authentication credentials were not provided.',
      headers: { 'WWW-Authenticate': 'Token' },
    });
  });
});
