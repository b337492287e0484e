import type { MakeTokenMutation, RotateTokenMutation } from './generated/graphql.ts';

/** A key to show this once, or what to show beside the form. */
type Shown = { key: string } | { problems: string[] };

export function readIssued(result: MakeTokenMutation['createToken'] | RotateTokenMutation['rotateToken']): Shown {
  switch (result.__typename) {
    case 'IssuedToken':
      return { key: result.key };
    case 'ValidationError':
      return { problems: result.fields.map(({ path, message }) => `${path.join('.')}: ${message}`) };
    case 'ScopeNotGrantedError':
    case 'TokenNameTakenError':
    case 'TokenNotFoundError':
      return { problems: [result.message] };
  }
}
