import { answered, NOT_PROVIDED, refused, type TokenCase } from './case.ts';
import { LOGIN, ME, REGISTER, VIEWER, VIEWER_AND_ME } from './documents.ts';

const BOTH_MEDIA_TYPES = ['application/json', 'application/graphql-response+json'];
const FOR_NO_CACHE = {
  'cache-control': ['private', 'no-store'],
  vary: ['authorization', 'token', 'cookie'],
};

/** The form of replies: status, media type, and what caches are told. */
export const REPLY_CASES: readonly TokenCase[] = [
  {
    name: 'refuses the whole request with 401 and no data, under both media types',
    needs: [],
    steps: BOTH_MEDIA_TYPES.flatMap((accept) => [
      { document: ME, accept, expected: NOT_PROVIDED },
      { document: VIEWER_AND_ME, accept, expected: NOT_PROVIDED },
      {
        document: ME,
        accept,
        headers: [['Authorization', 'Token abcd1234']],
        expected: refused('Invalid token.'),
      },
    ]),
  },
  {
    name: 'answers with 200 and data, under both media types',
    needs: ['user'],
    steps: BOTH_MEDIA_TYPES.map((accept) => ({
      document: ME,
      accept,
      headers: [['Authorization', 'Token <key>']],
      expected: answered({ me: { username: '<username>' } }),
    })),
  },
  {
    name: 'refuses a caller who may not with 403 and no data, under both media types',
    needs: ['plain user', 'closed registration'],
    steps: BOTH_MEDIA_TYPES.map((accept) => ({
      document: REGISTER,
      // Blank, so that nobody is made where the server is wrong.
      variables: { username: '', password: '' },
      accept,
      headers: [['Authorization', 'Token <key>']],
      expected: {
        status: 403,
        code: 'FORBIDDEN',
        message: 'You do not have permission to perform this action.',
        challenge: null,
      },
    })),
  },
  {
    name: 'tells caches to keep nothing, and to mix no callers up',
    needs: [],
    steps: [
      { document: VIEWER, expected: { ...answered({ viewer: null }), headers: FOR_NO_CACHE } },
      { document: ME, expected: { ...NOT_PROVIDED, headers: FOR_NO_CACHE } },
      {
        document: ME,
        headers: [['Authorization', 'Token abcd1234']],
        expected: { ...refused('Invalid token.'), headers: FOR_NO_CACHE },
      },
    ],
  },
  {
    name: 'lets no cache keep a key',
    needs: ['user'],
    steps: [
      {
        document: LOGIN,
        variables: { username: '<username>', password: '<password>', name: '<token name>' },
        expected: {
          ...answered({
            obtainAuthToken: {
              __typename: 'IssuedToken',
              key: '<key>',
              token: { id: '<any text>', name: '<token name>', kind: 'LOGIN' },
            },
          }),
          headers: FOR_NO_CACHE,
        },
      },
    ],
  },
];
