import type { SignInMutation } from './generated/graphql.ts';

/** Notes who is signed in, or says what to show beside the form. */
export function finishSignIn(session: { username: string | null }, { signIn: result }: SignInMutation): string[] {
  switch (result.__typename) {
    case 'SignedIn':
      session.username = result.user.username;
      return [];
    case 'InvalidCredentialsError':
      return [result.message];
    case 'ValidationError':
      return result.fields.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
}
