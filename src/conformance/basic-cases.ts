import { answered, CSRF_FAILED, refused, type TokenCase } from './case.ts';
import { ME } from './documents.ts';

const CHALLENGE = 'Basic realm="api"';
const NO_CREDENTIALS = refused('Invalid basic header. No credentials provided.', CHALLENGE);
const SPACES = refused('Invalid basic header. Credentials string should not contain spaces.', CHALLENGE);
const NOT_BASE64 = refused('Invalid basic header. Credentials not correctly base64 encoded.', CHALLENGE);
const WRONG = refused('Invalid username/password.', CHALLENGE);
const SIGNED_IN = answered({ me: { username: '<username>' } });

/** The password with every request, where the server has that way in. */
export const BASIC_CASES: readonly TokenCase[] = [
  {
    name: 'knows the caller by Basic, and asks no proof against CSRF of him',
    drf: 'test_post_json_passing_basic_auth',
    needs: ['user', 'basic'],
    steps: [
      { document: ME, headers: [['Authorization', 'Basic <basic>']], expected: SIGNED_IN },
      { document: ME, headers: [['Authorization', ' bAsIC \t <basic>']], expected: SIGNED_IN },
    ],
  },
  {
    // A browser that was told the password sends it with whatever any page asks.
    name: 'refuses Basic that a page of another site has sent',
    needs: ['user', 'basic'],
    steps: (
      [
        ['Origin', 'https://elsewhere.example'],
        ['Origin', 'null'],
        ['Sec-Fetch-Site', 'cross-site'],
      ] as const
    ).map((from) => ({ document: ME, headers: [['Authorization', 'Basic <basic>'], from], expected: CSRF_FAILED })),
  },
  {
    name: 'refuses Basic alone',
    drf: 'test_fail_post_if_credentials_are_missing',
    needs: ['basic'],
    steps: [
      { document: ME, headers: [['Authorization', 'Basic']], expected: NO_CREDENTIALS },
      { document: ME, headers: [['Authorization', 'Basic \t ']], expected: NO_CREDENTIALS },
    ],
  },
  {
    name: 'refuses spaces in Basic credentials',
    drf: 'test_fail_post_if_credentials_contain_spaces',
    needs: ['basic'],
    steps: [{ document: ME, headers: [['Authorization', 'Basic foo bar']], expected: SPACES }],
  },
  {
    name: 'refuses Basic credentials that are no base64',
    drf: 'test_regression_handle_bad_base64_basic_auth_header',
    needs: ['basic'],
    steps: [
      { document: ME, headers: [['Authorization', 'Basic =a=']], expected: NOT_BASE64 },
      { document: ME, headers: [['Authorization', 'Basic YTo']], expected: NOT_BASE64 },
    ],
  },
  {
    name: 'refuses any other spelling of Basic credentials',
    needs: ['user', 'basic'],
    steps: [
      { document: ME, headers: [['Authorization', 'Basic !<basic>']], expected: NOT_BASE64 },
      { document: ME, headers: [['Authorization', 'Basic <basic>\xe9']], expected: NOT_BASE64 },
    ],
  },
  {
    name: 'refuses a wrong password and an unknown user by Basic alike',
    needs: ['user', 'basic'],
    steps: [
      { document: ME, headers: [['Authorization', 'Basic <wrong basic>']], expected: WRONG },
      { document: ME, headers: [['Authorization', 'Basic <unknown basic>']], expected: WRONG },
    ],
  },
  {
    name: 'refuses a username without a password by Basic',
    drf: 'test_post_json_without_password_failing_basic_auth',
    needs: ['user', 'basic'],
    steps: [{ document: ME, headers: [['Authorization', 'Basic <name alone basic>']], expected: WRONG }],
  },
  {
    name: 'refuses an inactive user by Basic just like them',
    drf: 'test_basic_authentication_raises_error_if_user_not_active',
    needs: ['inactive user', 'basic'],
    steps: [{ document: ME, headers: [['Authorization', 'Basic <inactive basic>']], expected: WRONG }],
  },
  {
    name: 'refuses Basic and the Token header at once, good as they are',
    needs: ['user', 'basic'],
    steps: [
      {
        document: ME,
        headers: [
          ['Authorization', 'Basic <basic>'],
          ['Token', '<key>'],
        ],
        expected: refused('Two credentials were sent. Send the Authorization or the Token header, not both.'),
      },
    ],
  },
];
