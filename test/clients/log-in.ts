import type { LogInMutation } from './generated/graphql.ts';
import type { Session } from './session.ts';

/** Keeps the key, or says what to show beside the form. */
export function finishLogIn(session: Session, { obtainAuthToken: result }: LogInMutation): string[] {
  switch (result.__typename) {
    case 'IssuedToken':
      session.key = result.key;
      return [];
    case 'InvalidCredentialsError':
      return [result.message];
    case 'ValidationError':
      return result.fields.map(({ path, message }) => `${path.join('.')}: ${message}`);
    default:
      return unhandled(result);
  }
}

// Takes `never`: a case that is missing above does not compile. A failure that only a later server knows ends here.
function unhandled(result: never): string[] {
  const { message = 'Something unexpected happened.' } = result as { message?: string };
  return [message];
}
