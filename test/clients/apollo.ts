import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import { Defer20220824Handler } from '@apollo/client/incremental';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { authorization, noticeRefusal, type Session } from './session.ts';

/** What the unions and interfaces stand for; Apollo Client's cache loses the fields of fragments that it cannot place. */
export const possibleTypes = {
  Error: [
    'InvalidCredentialsError',
    'InvalidTokenError',
    'ScopeNotGrantedError',
    'TokenNameTakenError',
    'TokenNotFoundError',
    'UsernameTakenError',
    'ValidationError',
  ],
  CreateTokenResult: ['IssuedToken', 'ScopeNotGrantedError', 'TokenNameTakenError', 'ValidationError'],
  CreateUserResult: ['CreatedUser', 'UsernameTakenError', 'ValidationError'],
  ObtainAuthTokenResult: ['InvalidCredentialsError', 'IssuedToken', 'ValidationError'],
  ObtainTokenPairResult: ['InvalidCredentialsError', 'TokenPair', 'ValidationError'],
  RefreshTokenPairResult: ['InvalidTokenError', 'TokenPair'],
  RevokeTokenPairResult: ['InvalidTokenError', 'RevokedTokenPair'],
  RevokeTokenResult: ['RevokedToken', 'TokenNotFoundError'],
  RotateTokenResult: ['IssuedToken', 'ScopeNotGrantedError', 'TokenNotFoundError', 'ValidationError'],
  SignInResult: ['InvalidCredentialsError', 'SignedIn', 'ValidationError'],
  VerifyTokenResult: ['InvalidTokenError', 'VerifiedToken'],
};

export function createApolloClient(uri: string, session: Session): ApolloClient {
  const refusals = new ErrorLink(({ error }) => noticeRefusal(session, codeOf(error)));
  const key = new SetContextLink(({ headers }) => ({ headers: { ...headers, ...authorization(session) } }));
  return new ApolloClient({
    link: ApolloLink.from([refusals, key, new HttpLink({ uri })]),
    cache: new InMemoryCache({ possibleTypes }),
    // The format in which the server sends what @defer and @stream put off.
    incrementalHandler: new Defer20220824Handler(),
  });
}

export function codeOf(error: unknown): unknown {
  return CombinedGraphQLErrors.is(error) ? error.errors[0]?.extensions?.code : undefined;
}
