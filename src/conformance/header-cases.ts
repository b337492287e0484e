import { answered, NOT_PROVIDED, type Refused, refused, type TokenCase } from './case.ts';
import { ME, TYPENAME, VIEWER } from './documents.ts';

const NO_CREDENTIALS = refused('Invalid token header. No credentials provided.');
const SPACES = refused('Invalid token header. Token string should not contain spaces.');
const INVALID_CHARACTERS = refused('Invalid token header. Token string should not contain invalid characters.');
const INVALID = refused('Invalid token.');
const INVALID_BEARER = refused('Invalid token.', 'Bearer error="invalid_token", error_description="Invalid token."');
const SIGNED_IN = answered({ me: { username: '<username>' } });

/** What the headers of a request prove, or why they prove nothing. */
export const HEADER_CASES: readonly TokenCase[] = [
  {
    name: 'asks for credentials when none are sent',
    drf: 'test_post_form_failing_token_auth',
    needs: [],
    steps: [{ document: ME, expected: NOT_PROVIDED }],
  },
  {
    name: 'counts an empty Authorization header as none',
    needs: [],
    steps: [{ document: ME, headers: [['Authorization', '']], expected: NOT_PROVIDED }],
  },
  {
    name: 'passes over a keyword that no scheme knows',
    needs: [],
    steps: [
      { document: ME, headers: [['Authorization', 'Digest abc']], expected: NOT_PROVIDED },
      { document: ME, headers: [['Authorization', 'Tokens abc']], expected: NOT_PROVIDED },
      { document: ME, headers: [['Authorization', '<unknown key>']], expected: NOT_PROVIDED },
    ],
  },
  {
    name: 'refuses the keyword alone',
    drf: 'test_fail_post_if_token_is_missing',
    needs: [],
    steps: [
      { document: ME, headers: [['Authorization', 'Token']], expected: NO_CREDENTIALS },
      { document: ME, headers: [['Authorization', 'Token \t ']], expected: NO_CREDENTIALS },
    ],
  },
  {
    name: 'refuses spaces in a key',
    drf: 'test_fail_post_if_token_contains_spaces',
    needs: [],
    steps: [{ document: ME, headers: [['Authorization', 'Token foo bar']], expected: SPACES }],
  },
  {
    name: 'refuses a good key with something after it',
    needs: ['user'],
    steps: [{ document: ME, headers: [['Authorization', 'Token <key> x']], expected: SPACES }],
  },
  {
    name: 'refuses bytes that are no text',
    drf: 'test_fail_post_form_passing_invalid_token_auth',
    needs: [],
    steps: [
      { document: ME, headers: [['Authorization', 'Token \xa1\xff']], expected: INVALID_CHARACTERS },
      // An overlong spelling of "/", and half of a surrogate pair: bytes that only a careless decoder reads.
      { document: ME, headers: [['Authorization', 'Token \xc0\xaf']], expected: INVALID_CHARACTERS },
      { document: ME, headers: [['Authorization', 'Token \xed\xa0\x80']], expected: INVALID_CHARACTERS },
    ],
  },
  {
    name: 'refuses text that is no key',
    drf: 'test_fail_post_form_passing_nonexistent_token_auth',
    needs: [],
    steps: [
      { document: ME, headers: [['Authorization', 'Token abcd1234']], expected: INVALID },
      { document: ME, headers: [['Authorization', 'Token \xc3\xa9']], expected: INVALID },
      { document: ME, headers: [['Authorization', `Token ${'k'.repeat(4_000)}`]], expected: INVALID },
    ],
  },
  {
    name: 'refuses an unknown key of the right form',
    needs: [],
    steps: [{ document: ME, headers: [['Authorization', 'Token <unknown key>']], expected: INVALID }],
  },
  {
    name: 'refuses a forged key: a good one with another proof',
    needs: ['user'],
    steps: [{ document: ME, headers: [['Authorization', 'Token <forged key>']], expected: INVALID }],
  },
  {
    name: 'refuses any other spelling of a good key',
    needs: ['user'],
    steps: [
      { document: ME, headers: [['Authorization', 'Token <respelt key>']], expected: INVALID },
      { document: ME, headers: [['Authorization', 'Token <padded key>']], expected: INVALID },
      { document: ME, headers: [['Authorization', 'Token "<key>"']], expected: INVALID },
    ],
  },
  {
    name: 'knows the caller by a good key',
    drf: 'test_post_json_passing_token_auth',
    needs: ['user'],
    steps: [{ document: ME, headers: [['Authorization', 'Token <key>']], expected: SIGNED_IN }],
  },
  {
    name: 'asks no proof against CSRF of token callers',
    drf: 'test_post_json_passing_token_auth',
    needs: ['user'],
    steps: [
      {
        document: ME,
        headers: [
          ['Authorization', 'Token <key>'],
          ['Origin', 'https://elsewhere.example'],
        ],
        expected: SIGNED_IN,
      },
    ],
  },
  {
    name: 'takes the keyword in any case, and any run of white space after it',
    needs: ['user'],
    steps: [
      { document: ME, headers: [['Authorization', 'token <key>']], expected: SIGNED_IN },
      { document: ME, headers: [['Authorization', 'TOKEN <key>']], expected: SIGNED_IN },
      { document: ME, headers: [['Authorization', ' tOkEn \t  <key> ']], expected: SIGNED_IN },
    ],
  },
  {
    name: 'knows the caller by Bearer tsr_…',
    needs: ['user'],
    steps: [{ document: ME, headers: [['Authorization', 'Bearer <key>']], expected: SIGNED_IN }],
  },
  {
    name: 'refuses an unknown key as Bearer, with the challenge of RFC 6750',
    needs: [],
    steps: [{ document: ME, headers: [['Authorization', 'Bearer <unknown key>']], expected: INVALID_BEARER }],
  },
  {
    name: 'knows the caller by a bare Token header',
    needs: ['user'],
    steps: [{ document: ME, headers: [['Token', '<key>']], expected: SIGNED_IN }],
  },
  {
    name: 'judges a bare Token header as it does the other',
    needs: [],
    steps: [
      { document: ME, headers: [['Token', '']], expected: NO_CREDENTIALS },
      { document: ME, headers: [['Token', 'foo bar']], expected: SPACES },
      { document: ME, headers: [['Token', '\xa1\xff']], expected: INVALID_CHARACTERS },
      { document: ME, headers: [['Token', '<unknown key>']], expected: INVALID },
    ],
  },
  {
    name: 'refuses the Authorization and the Token header at once, good as they are',
    needs: ['user'],
    steps: [
      {
        document: ME,
        headers: [
          ['Authorization', 'Token <key>'],
          ['Token', '<key>'],
        ],
        expected: refused('Two credentials were sent. Send the Authorization or the Token header, not both.'),
      },
    ],
  },
  {
    name: 'refuses two Authorization headers, whichever comes first',
    needs: ['user'],
    steps: [
      { document: ME, headers: twoAuthorizations('Token <key>', 'Token <unknown key>'), expected: twoSent() },
      { document: ME, headers: twoAuthorizations('Token <unknown key>', 'Token <key>'), expected: twoSent() },
      { document: TYPENAME, headers: twoAuthorizations('Token <key>', 'Token <key>'), expected: twoSent() },
    ],
  },
  {
    name: 'refuses the key of an inactive user',
    drf: 'test_fail_authentication_if_user_is_not_active',
    needs: ['inactive key'],
    steps: [
      {
        document: ME,
        headers: [['Authorization', 'Token <inactive key>']],
        expected: refused('User inactive or deleted.'),
      },
    ],
  },
  {
    name: 'refuses bad credentials on public fields too',
    needs: [],
    steps: [
      { document: VIEWER, headers: [['Authorization', 'Token abcd1234']], expected: INVALID },
      { document: VIEWER, headers: [['Authorization', 'Token']], expected: NO_CREDENTIALS },
    ],
  },
  {
    name: 'refuses bad credentials on { __typename } too',
    needs: [],
    steps: [{ document: TYPENAME, headers: [['Authorization', 'Token abcd1234']], expected: INVALID }],
  },
  {
    name: 'answers a stranger’s { __typename }',
    needs: [],
    steps: [{ document: TYPENAME, expected: answered({ __typename: 'Query' }) }],
  },
  {
    name: 'answers a public field to a stranger, and to a caller',
    needs: ['user'],
    steps: [
      { document: VIEWER, expected: answered({ viewer: null }) },
      {
        document: VIEWER,
        headers: [['Authorization', 'Token <key>']],
        expected: answered({ viewer: { username: '<username>' } }),
      },
    ],
  },
];

function twoAuthorizations(first: string, second: string) {
  return [
    ['Authorization', first],
    ['Authorization', second],
  ] as const;
}

// It is the request that is malformed, before anybody asks who calls: no challenge would mend it.
function twoSent(): Refused {
  return {
    status: 400,
    code: 'BAD_REQUEST',
    message: 'Two Authorization headers were sent. Send one.',
    challenge: null,
  };
}
