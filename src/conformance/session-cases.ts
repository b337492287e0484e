import { answered, CSRF_FAILED, type Header, NOT_PROVIDED, refused, type Step, type TokenCase } from './case.ts';
import { ME, SIGN_IN, SIGN_OUT, VIEWER } from './documents.ts';

const PROOF: readonly Header[] = [
  ['X-Tessera-CSRF', '1'],
  ['Origin', '<origin>'],
];
const FOREIGN: readonly Header[] = [
  ['X-Tessera-CSRF', '1'],
  ['Origin', 'https://elsewhere.example'],
];
const WITHOUT_HEADER: readonly Header[] = [['Origin', '<origin>']];
const COOKIE: Header = ['Cookie', '<cookie>'];

const CREDENTIALS = { username: '<username>', password: '<password>' };
const KNOWN = answered({ me: { username: '<username>' } });
const SIGNED_IN = answered({ signIn: { __typename: 'SignedIn', user: { username: '<username>' } } });
const NOT_SIGNED_IN = answered({
  signIn: { __typename: 'InvalidCredentialsError', message: 'Unable to log in with provided credentials.' },
});

const SIGNS_IN: Step = {
  document: SIGN_IN,
  variables: CREDENTIALS,
  headers: PROOF,
  expected: SIGNED_IN,
  keep: { cookie: 'cookie' },
};
const SIGNS_OUT = signsOut(true);

/** A browser's cookie, where the server has that way in; who is signed in by a case is signed out by it. */
export const SESSION_CASES: readonly TokenCase[] = [
  {
    name: 'signs a browser in, and knows the caller by its cookie',
    drf: 'test_post_form_session_auth_passing_csrf',
    needs: ['user', 'session'],
    steps: [SIGNS_IN, { document: ME, headers: [COOKIE, ...PROOF], expected: KNOWN }, SIGNS_OUT],
  },
  {
    name: 'refuses the cookie without the proof against CSRF, public fields included',
    drf: 'test_post_form_session_auth_failing_csrf',
    needs: ['user', 'session'],
    steps: [
      SIGNS_IN,
      { document: ME, headers: [COOKIE, ...WITHOUT_HEADER], expected: CSRF_FAILED },
      { document: ME, headers: [COOKIE], expected: CSRF_FAILED },
      { document: ME, headers: [COOKIE, ...FOREIGN], expected: CSRF_FAILED },
      { document: VIEWER, headers: [COOKIE, ...FOREIGN], expected: CSRF_FAILED },
      SIGNS_OUT,
    ],
  },
  {
    name: 'signs nobody in without the proof against CSRF',
    needs: ['user', 'session'],
    steps: [WITHOUT_HEADER, FOREIGN].map((headers) => ({ ...attempt(CREDENTIALS, CSRF_FAILED), headers })),
  },
  {
    name: 'signs nobody in by a wrong password, or as an unknown user',
    needs: ['user', 'session'],
    steps: [
      attempt({ ...CREDENTIALS, password: '<password> ' }, NOT_SIGNED_IN),
      attempt({ ...CREDENTIALS, username: '<unknown username>' }, NOT_SIGNED_IN),
    ],
  },
  {
    name: 'signs no inactive user in, just like them',
    needs: ['inactive user', 'session'],
    steps: [attempt({ username: '<inactive username>', password: '<inactive password>' }, NOT_SIGNED_IN)],
  },
  {
    name: 'counts a dead cookie as none',
    drf: 'test_post_form_session_auth_failing',
    needs: ['user', 'session'],
    steps: [
      SIGNS_IN,
      { document: ME, headers: [['Cookie', '<forged cookie>'], ...PROOF], expected: NOT_PROVIDED },
      SIGNS_OUT,
      { document: ME, headers: [COOKIE, ...PROOF], expected: NOT_PROVIDED },
      { document: VIEWER, headers: [COOKIE, ...PROOF], expected: answered({ viewer: null }) },
      signsOut(false),
    ],
  },
  {
    name: 'gives the browser another cookie at every sign-in, and ends the one before',
    needs: ['user', 'session'],
    steps: [
      { ...SIGNS_IN, keep: { 'old cookie': 'cookie' } },
      { ...SIGNS_IN, headers: [['Cookie', '<old cookie>'], ...PROOF] },
      { document: ME, headers: [['Cookie', '<old cookie>'], ...PROOF], expected: NOT_PROVIDED },
      { document: ME, headers: [COOKIE, ...PROOF], expected: KNOWN },
      SIGNS_OUT,
    ],
  },
  {
    name: 'overlooks the cookie beside a credential that was sent on purpose',
    needs: ['user', 'session'],
    steps: [
      SIGNS_IN,
      { document: ME, headers: [COOKIE, ['Authorization', 'Token <key>']], expected: KNOWN },
      { document: ME, headers: [COOKIE, ...PROOF, ['Token', 'abcd1234']], expected: refused('Invalid token.') },
      SIGNS_OUT,
    ],
  },
];

function attempt(variables: Readonly<Record<string, string>>, expected: Step['expected']): Step {
  return { document: SIGN_IN, variables, headers: PROOF, expected };
}

function signsOut(wasSignedIn: boolean): Step {
  return { document: SIGN_OUT, headers: [COOKIE, ...PROOF], expected: answered({ signOut: { wasSignedIn } }) };
}
