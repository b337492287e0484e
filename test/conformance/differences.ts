/** What a server says to a request, in the words that both servers have in common. */
export interface Verdict {
  status: number;
  message: string;
  challenge: string | null;
}

interface Difference {
  why: string;
  /** What Django REST framework says instead, request by request of the case; null where it says the same. */
  there: readonly (Verdict | null)[];
}

const NOT_PROVIDED = there(401, 'Authentication credentials were not provided.', 'Token');
const INVALID = there(401, 'Invalid token.', 'Token');
const NO_SUCH_MEDIA_TYPE = there(406, 'Could not satisfy the request Accept header.');
const NO_LOGIN = there(400, 'Unable to log in with provided credentials.');
const BLANK = 'This field may not be blank.';

const LOGIN_IS_DATA =
  'A login that fails is data, in the answer of a request that went well: a client has it typed (decision 007).';
const MEDIA_TYPE = 'GraphQL over HTTP has a media type of its own, which no REST server offers.';
const BARE_HEADER = 'The bare Token header is there for clients that cannot set Authorization; there it is unknown.';

const NOT_OR_EXPIRED = inWords('Token is invalid or expired');
const INVALID_OR_EXPIRED =
  'Debian’s simplejwt 5.2.2 has one message for both; from 5.5.0 on it says which, as here ' +
  '(jazzband/djangorestframework-simplejwt#830, iMerica/dj-rest-auth#683).';
const BASE64 =
  'RFC 4648 has other characters refused. Python’s b64decode drops them: then one password has any number of spellings.';

/** Every case of the table where the two mean to differ, and why. Anything else must be the same, word for word. */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'knows the caller by Bearer tsr_…': {
    why: 'GraphQL clients and gateways send Bearer by themselves; a key that begins with tsr_ can mean nothing else.',
    there: [NOT_PROVIDED],
  },
  'refuses an unknown key as Bearer, with the challenge of RFC 6750': {
    why: 'As above; and who speaks Bearer is challenged as RFC 6750 has it.',
    there: [NOT_PROVIDED],
  },
  'knows the caller by a bare Token header': { why: BARE_HEADER, there: [NOT_PROVIDED] },
  'judges a bare Token header as it does the other': {
    why: BARE_HEADER,
    there: [NOT_PROVIDED, NOT_PROVIDED, NOT_PROVIDED, NOT_PROVIDED],
  },
  'refuses the Authorization and the Token header at once, good as they are': {
    why: 'Two credentials are a guess at which is meant; there the bare one is not seen.',
    there: [there(200, 'ada')],
  },
  'refuses two Authorization headers, whichever comes first': {
    why: 'A proxy may have judged the other one. There they are joined by a comma, and fail as a key with spaces.',
    there: Array(3).fill(there(401, 'Invalid token header. Token string should not contain spaces.', 'Token')),
  },
  'refuses the whole request with 401 and no data, under both media types': {
    why: MEDIA_TYPE,
    there: [null, null, null, NO_SUCH_MEDIA_TYPE, NO_SUCH_MEDIA_TYPE, NO_SUCH_MEDIA_TYPE],
  },
  'answers with 200 and data, under both media types': { why: MEDIA_TYPE, there: [null, NO_SUCH_MEDIA_TYPE] },
  'refuses Basic that a page of another site has sent': {
    why: 'A browser keeps the password, and sends it with whatever any page asks, as it does cookies. There is no such check.',
    there: Array(3).fill(there(200, 'ada')),
  },
  'refuses a wrong password and an unknown user alike': { why: LOGIN_IS_DATA, there: [NO_LOGIN, NO_LOGIN] },
  'refuses an inactive user just like them': { why: LOGIN_IS_DATA, there: [NO_LOGIN] },
  'does not trim passwords: one with a space more is another': { why: LOGIN_IS_DATA, there: [NO_LOGIN] },
  'keeps the white space that a password was made with': { why: LOGIN_IS_DATA, there: [NO_LOGIN, null] },
  'refuses empty credentials, naming each field': {
    why: LOGIN_IS_DATA,
    there: [there(400, `username: ${BLANK} password: ${BLANK}`), there(400, `password: ${BLANK}`)],
  },
  'refuses a login without a password as no valid request': {
    why: 'A field that is missing is found by the schema, before anything runs, and told in GraphQL’s own words.',
    there: [there(400, 'password: This field is required.'), NO_SUCH_MEDIA_TYPE],
  },
  'lets no stale header get in the way of a login': {
    why: 'A client that sends its old key along would be locked out until somebody clears it (decision 006).',
    there: [
      INVALID,
      there(401, 'Invalid token header. No credentials provided.', 'Token'),
      INVALID,
      null, // A Bearer is passed over there, here it is overlooked.
      null, // And so is a bare Token header.
    ],
  },
  'refuses any other spelling of Basic credentials': { why: BASE64, there: [there(200, 'ada'), there(200, 'ada')] },
  'refuses Basic and the Token header at once, good as they are': {
    why: 'Two credentials are a guess at which is meant; there the bare one is not seen.',
    there: [there(200, 'ada')],
  },
  'gives a pair for good credentials, and knows the caller by its access token': {
    why: 'RFC 9110 has schemes compared without regard to case. There, Bearer must be spelt so.',
    there: [null, null, inWords('Authentication credentials were not provided.'), null],
  },
  'gives no pair for a wrong password or an unknown user': {
    why: 'simplejwt trims passwords, against Django’s own login: one with a space more is the same there.',
    there: [inWords('a pair'), null],
  },
  'verifies tokens that are good, and no others': {
    why: INVALID_OR_EXPIRED,
    there: [null, null, null, NOT_OR_EXPIRED, NOT_OR_EXPIRED, NOT_OR_EXPIRED, null, null],
  },
  'refreshes nothing by a token that was tampered with, is none, or is an access token': {
    why: `${INVALID_OR_EXPIRED} That an access token is of another kind, it tells; here the two have nothing in common.`,
    there: [null, NOT_OR_EXPIRED, NOT_OR_EXPIRED, inWords('Token has wrong type'), null],
  },
  'refreshes and revokes a pair no more that was revoked': {
    why: INVALID_OR_EXPIRED,
    there: [null, null, null, null, NOT_OR_EXPIRED],
  },
  'gives the next pair for a refresh token, and the same again to a client that never had it': {
    why: 'A client whose answer was lost would be logged out by its own retry.',
    there: [null, null, null, inWords('Token is blacklisted'), null],
  },
  'ends the whole family when a refresh token comes again after its successor was used': {
    why: 'A refresh token used twice is a stolen one (RFC 9700, section 4.14.2). There the thief’s pair lives on.',
    there: [null, null, null, null, inWords('a pair')],
  },
  'refuses an expired access token, and says so to whoever asks': {
    why: INVALID_OR_EXPIRED,
    there: [null, NOT_OR_EXPIRED],
  },
  'neither verifies nor refreshes nor revokes by an expired refresh token': {
    why: INVALID_OR_EXPIRED,
    there: [NOT_OR_EXPIRED, NOT_OR_EXPIRED, NOT_OR_EXPIRED],
  },
  'neither verifies nor refreshes the pair of a user who became inactive': {
    why:
      'Who may not come in gets nothing that lets him in. simplejwt 5.2.2 looks at no user here, and goes on giving pairs ' +
      'as long as they are refreshed; newer ones refuse that (jazzband/djangorestframework-simplejwt#814).',
    there: [inWords('done'), inWords('done'), inWords('a pair')],
  },
};

/** Cases that cannot be put to Django REST framework at all. */
export const WITHOUT_COUNTERPART: Readonly<Record<string, string>> = {
  'refuses a caller who may not with 403 and no data, under both media types': 'There is no view that makes users.',
  'ends a key at logout, and gives another at the next login': 'There is no view that logs out.',
};

/** Of token pairs the words alone are compared: failures are data here, and Bearer is challenged as RFC 6750 has it. */
function inWords(message: string): Verdict {
  return there(0, message);
}

function there(status: number, message: string, challenge: string | null = null): Verdict {
  return { status, message, challenge };
}
