import { answered, refused, type Step, type TokenCase } from './case.ts';
import { LOGIN, LOGIN_WITHOUT_PASSWORD, LOGOUT, ME } from './documents.ts';

const ISSUED = login({
  __typename: 'IssuedToken',
  key: '<key>',
  token: { id: '<any text>', name: '<token name>', kind: 'LOGIN' },
});

const ISSUED_ANEW = login({
  __typename: 'IssuedToken',
  key: '<another key>',
  token: { id: '<any text>', name: '<token name>', kind: 'LOGIN' },
});

const NO_LOGIN = login({
  __typename: 'InvalidCredentialsError',
  message: 'Unable to log in with provided credentials.',
});

const CREDENTIALS = { username: '<username>', password: '<password>', name: '<token name>' };
const BLANK = 'This field may not be blank.';

/** What a login gives, and what it does not. */
export const LOGIN_CASES: readonly TokenCase[] = [
  {
    name: 'gives a key for good credentials, and the same key again',
    drf: 'test_token_login_json',
    needs: ['user'],
    steps: [
      { document: LOGIN, variables: CREDENTIALS, expected: ISSUED },
      { document: LOGIN, variables: CREDENTIALS, expected: ISSUED },
    ],
  },
  {
    name: 'refuses a wrong password and an unknown user alike',
    drf: 'test_token_login_json_bad_creds',
    needs: ['user'],
    steps: [
      { document: LOGIN, variables: { ...CREDENTIALS, password: 'wrong <unknown username>' }, expected: NO_LOGIN },
      { document: LOGIN, variables: { ...CREDENTIALS, username: '<unknown username>' }, expected: NO_LOGIN },
    ],
  },
  {
    name: 'refuses an inactive user just like them',
    drf: 'test_token_login_json_bad_creds',
    needs: ['inactive user'],
    steps: [
      {
        document: LOGIN,
        variables: { username: '<inactive username>', password: '<inactive password>' },
        expected: NO_LOGIN,
      },
    ],
  },
  {
    name: 'refuses empty credentials, naming each field',
    needs: [],
    steps: [
      {
        document: LOGIN,
        variables: { username: '', password: '' },
        expected: login({
          __typename: 'ValidationError',
          message: `username: ${BLANK} password: ${BLANK}`,
          fields: [
            { path: ['username'], message: BLANK },
            { path: ['password'], message: BLANK },
          ],
        }),
      },
      {
        document: LOGIN,
        variables: { username: '<unknown username>', password: '' },
        expected: login({
          __typename: 'ValidationError',
          message: `password: ${BLANK}`,
          fields: [{ path: ['password'], message: BLANK }],
        }),
      },
    ],
  },
  {
    name: 'refuses a login without a password as no valid request',
    drf: 'test_token_login_json_missing_fields',
    needs: [],
    steps: [
      {
        document: LOGIN_WITHOUT_PASSWORD,
        accept: 'application/json',
        expected: { status: 200, code: 'GRAPHQL_VALIDATION_FAILED', challenge: null },
      },
      {
        document: LOGIN_WITHOUT_PASSWORD,
        accept: 'application/graphql-response+json',
        expected: { status: 400, code: 'GRAPHQL_VALIDATION_FAILED', challenge: null },
      },
    ],
  },
  {
    name: 'does not trim passwords: one with a space more is another',
    needs: ['user'],
    steps: [{ document: LOGIN, variables: { ...CREDENTIALS, password: '<password> ' }, expected: NO_LOGIN }],
  },
  {
    name: 'keeps the white space that a password was made with',
    needs: ['user', 'spaced password'],
    steps: [
      { document: LOGIN, variables: { ...CREDENTIALS, password: '<trimmed password>' }, expected: NO_LOGIN },
      { document: LOGIN, variables: CREDENTIALS, expected: ISSUED },
    ],
  },
  {
    name: 'lets no stale header get in the way of a login',
    needs: ['user'],
    steps: [
      loginBeside('Authorization', 'Token stale'),
      loginBeside('Authorization', 'Token'),
      loginBeside('Authorization', 'Token <unknown key>'),
      loginBeside('Authorization', 'Bearer <unknown key>'),
      loginBeside('Token', '<unknown key>'),
    ],
  },
  // Last of all: it spends the key that the others need.
  {
    name: 'ends a key at logout, and gives another at the next login',
    needs: ['user'],
    steps: [
      {
        document: LOGOUT,
        headers: [['Authorization', 'Token <key>']],
        expected: answered({ revokeCurrentToken: { __typename: 'RevokedToken', name: '<token name>' } }),
      },
      { document: ME, headers: [['Authorization', 'Token <key>']], expected: refused('Invalid token.') },
      { document: LOGIN, variables: CREDENTIALS, expected: ISSUED_ANEW },
      { document: ME, headers: [['Authorization', 'Token <key>']], expected: refused('Invalid token.') },
    ],
  },
];

function login(obtainAuthToken: unknown) {
  return answered({ obtainAuthToken });
}

function loginBeside(header: string, value: string): Step {
  return { document: LOGIN, variables: CREDENTIALS, headers: [[header, value]], expected: ISSUED };
}
