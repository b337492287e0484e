// The documents that the cases send: nothing but the contract's own fields.

/** Needs a signed-in caller. */
export const ME = '{ me { username } }';

/** Open to anybody: null for a stranger. */
export const VIEWER = '{ viewer { username } }';

/** One field of either kind. */
export const VIEWER_AND_ME = '{ viewer { username } me { username } }';

export const TYPENAME = '{ __typename }';

export const LOGIN = `mutation Login($username: String!, $password: String!, $name: String) {
  obtainAuthToken(input: { username: $username, password: $password, name: $name }) {
    __typename
    ... on IssuedToken { key token { id name kind } }
    ... on Error { message }
    ... on ValidationError { fields { path message } }
  }
}`;

export const LOGIN_WITHOUT_PASSWORD = 'mutation { obtainAuthToken(input: { username: "ada" }) { __typename } }';

export const LOGOUT = `mutation {
  revokeCurrentToken { __typename ... on RevokedToken { name } ... on Error { message } }
}`;

export const REGISTER = `mutation Register($username: String!, $password: String!) {
  createUser(input: { username: $username, password: $password }) {
    __typename
    ... on CreatedUser { key user { username } }
    ... on Error { message }
  }
}`;

export const OBTAIN_PAIR = `mutation ObtainPair($username: String!, $password: String!) {
  obtainTokenPair(input: { username: $username, password: $password }) {
    __typename
    ... on TokenPair { access refresh }
    ... on Error { message }
  }
}`;

export const REFRESH_PAIR = `mutation RefreshPair($refresh: String!) {
  refreshTokenPair(refresh: $refresh) { __typename ... on TokenPair { access refresh } ... on Error { message } }
}`;

export const VERIFY = `mutation Verify($token: String!) {
  verifyToken(token: $token) { __typename ... on VerifiedToken { kind user { username } } ... on Error { message } }
}`;

export const REVOKE_PAIR = `mutation RevokePair($refresh: String!) {
  revokeTokenPair(refresh: $refresh) { __typename ... on RevokedTokenPair { revoked } ... on Error { message } }
}`;

export const SIGN_IN = `mutation SignIn($username: String!, $password: String!) {
  signIn(input: { username: $username, password: $password }) {
    __typename
    ... on SignedIn { user { username } }
    ... on Error { message }
  }
}`;

export const SIGN_OUT = 'mutation { signOut { wasSignedIn } }';

export const STANDING = '{ me { isStaff isSuperuser } }';
