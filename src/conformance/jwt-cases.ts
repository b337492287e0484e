import { answered, refused, type Step, type TokenCase } from './case.ts';
import { ME, OBTAIN_PAIR, REFRESH_PAIR, REVOKE_PAIR, VERIFY } from './documents.ts';

const CREDENTIALS = { username: '<username>', password: '<password>' };
const PAIR = { __typename: 'TokenPair', access: '<any text>', refresh: '<any text>' };
const SIGNED_IN = answered({ me: { username: '<username>' } });
const NOT_VALID = refused(
  'Given token not valid for any token type',
  'Bearer error="invalid_token", error_description="<any text>',
);
const EXPIRED = refused(
  'Given token not valid for any token type',
  'Bearer error="invalid_token", error_description="Token is expired"',
);
const MALFORMED = refused('Authorization header must contain two space-delimited values', 'Bearer <any text>');
const NO_ACCOUNT = answered({
  obtainTokenPair: {
    __typename: 'InvalidCredentialsError',
    message: 'No active account found with the given credentials',
  },
});

const OBTAINED: Step = {
  document: OBTAIN_PAIR,
  variables: CREDENTIALS,
  expected: answered({ obtainTokenPair: PAIR }),
  keep: { access: ['obtainTokenPair', 'access'], refresh: ['obtainTokenPair', 'refresh'] },
};

/** Pairs of an access and a refresh token, where the server has that way in; what a case obtains, it revokes. */
export const JWT_CASES: readonly TokenCase[] = [
  {
    name: 'gives a pair for good credentials, and knows the caller by its access token',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      { document: ME, headers: [['Authorization', 'Bearer <access>']], expected: SIGNED_IN },
      { document: ME, headers: [['Authorization', ' bEaReR \t <access>']], expected: SIGNED_IN },
      revoke('<refresh>'),
    ],
  },
  {
    name: 'gives no pair for a wrong password or an unknown user',
    needs: ['user', 'jwt'],
    steps: [
      { document: OBTAIN_PAIR, variables: { ...CREDENTIALS, password: '<password> ' }, expected: NO_ACCOUNT },
      { document: OBTAIN_PAIR, variables: { ...CREDENTIALS, username: '<unknown username>' }, expected: NO_ACCOUNT },
    ],
  },
  {
    name: 'gives an inactive user no pair, just like them',
    needs: ['inactive user', 'jwt'],
    steps: [
      {
        document: OBTAIN_PAIR,
        variables: { username: '<inactive username>', password: '<inactive password>' },
        expected: NO_ACCOUNT,
      },
    ],
  },
  {
    name: 'lets no stale header get in the way of a pair',
    needs: ['user', 'jwt'],
    steps: [
      { ...OBTAINED, headers: [['Authorization', 'Bearer stale']] },
      { ...revoke('<refresh>'), headers: [['Authorization', 'Bearer stale']] },
    ],
  },
  {
    name: 'refuses a Bearer that is no token',
    needs: ['jwt'],
    steps: ['abcd1234', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', '\xa1\xff'].map((token) => ({
      document: ME,
      headers: [['Authorization', `Bearer ${token}`]] as const,
      expected: NOT_VALID,
    })),
  },
  {
    name: 'refuses Bearer alone, and spaces in a token',
    needs: ['jwt'],
    steps: ['Bearer', 'Bearer \t ', 'Bearer foo bar'].map((header) => ({
      document: ME,
      headers: [['Authorization', header]] as const,
      expected: MALFORMED,
    })),
  },
  {
    name: 'refuses an access token that was tampered with, and a refresh token in its place',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      { document: ME, headers: [['Authorization', 'Bearer <forged access>']], expected: NOT_VALID },
      { document: ME, headers: [['Authorization', 'Bearer <refresh>']], expected: NOT_VALID },
      revoke('<refresh>'),
    ],
  },
  {
    name: 'verifies tokens that are good, and no others',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      verify('<access>', { __typename: 'VerifiedToken', kind: 'ACCESS', user: { username: '<username>' } }),
      verify('<refresh>', { __typename: 'VerifiedToken', kind: 'REFRESH', user: { username: '<username>' } }),
      verify('<forged access>', invalid('Token is invalid')),
      verify('<forged refresh>', invalid('Token is invalid')),
      verify('garbage', invalid('Token is invalid')),
      revoke('<refresh>'),
      verify('<refresh>', invalid('Token is blacklisted')),
    ],
  },
  {
    name: 'gives the next pair for a refresh token, and the same again to a client that never had it',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      {
        ...refresh('<refresh>', PAIR),
        keep: { 'next access': ['refreshTokenPair', 'access'], 'next refresh': ['refreshTokenPair', 'refresh'] },
      },
      { document: ME, headers: [['Authorization', 'Bearer <next access>']], expected: SIGNED_IN },
      refresh('<refresh>', { ...PAIR, refresh: '<next refresh>' }),
      revoke('<next refresh>'),
    ],
  },
  {
    name: 'ends the whole family when a refresh token comes again after its successor was used',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      { ...refresh('<refresh>', PAIR), keep: { 'next refresh': ['refreshTokenPair', 'refresh'] } },
      { ...refresh('<next refresh>', PAIR), keep: { 'last refresh': ['refreshTokenPair', 'refresh'] } },
      refresh('<refresh>', invalid('Token is blacklisted')),
      refresh('<last refresh>', invalid('Token is blacklisted')),
    ],
  },
  {
    name: 'refreshes nothing by a token that was tampered with, is none, or is an access token',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      refresh('<forged refresh>', invalid('Token is invalid')),
      refresh('garbage', invalid('Token is invalid')),
      refresh('<access>', invalid('Token is invalid')),
      revoke('<refresh>'),
    ],
  },
  {
    name: 'refreshes and revokes a pair no more that was revoked',
    needs: ['user', 'jwt'],
    steps: [
      OBTAINED,
      revoke('<refresh>'),
      refresh('<refresh>', invalid('Token is blacklisted')),
      revoke('<refresh>', invalid('Token is blacklisted')),
      revoke('garbage', invalid('Token is invalid')),
    ],
  },
  {
    name: 'refuses an expired access token, and says so to whoever asks',
    needs: ['jwt', 'expired pair'],
    steps: [
      { document: ME, headers: [['Authorization', 'Bearer <expired access>']], expected: EXPIRED },
      verify('<expired access>', invalid('Token is expired')),
    ],
  },
  {
    name: 'neither verifies nor refreshes nor revokes by an expired refresh token',
    needs: ['jwt', 'expired pair'],
    steps: [
      verify('<expired refresh>', invalid('Token is expired')),
      refresh('<expired refresh>', invalid('Token is expired')),
      revoke('<expired refresh>', invalid('Token is expired')),
    ],
  },
  {
    name: 'neither verifies nor refreshes the pair of a user who became inactive',
    needs: ['jwt', 'inactive pair'],
    // How long the access token still counts in requests is the server's own affair: it may judge by signature alone.
    steps: [
      verify('<inactive access>', invalid('User is inactive')),
      verify('<inactive refresh>', invalid('User is inactive')),
      refresh('<inactive refresh>', invalid('User is inactive')),
    ],
  },
];

function refresh(token: string, refreshTokenPair: unknown): Step {
  return { document: REFRESH_PAIR, variables: { refresh: token }, expected: answered({ refreshTokenPair }) };
}

function verify(token: string, verifyToken: unknown): Step {
  return { document: VERIFY, variables: { token }, expected: answered({ verifyToken }) };
}

function revoke(token: string, revokeTokenPair: unknown = { __typename: 'RevokedTokenPair', revoked: true }): Step {
  return { document: REVOKE_PAIR, variables: { refresh: token }, expected: answered({ revokeTokenPair }) };
}

function invalid(message: string) {
  return { __typename: 'InvalidTokenError', message };
}
