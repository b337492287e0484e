/**
 * What a case cannot be tried without. `spaced password`: the user's own has white space
 * at an end. `plain user`: one who is not staff. `inactive key`: the key of an inactive
 * user, which no server hands out. `expired pair`, `inactive pair`: see `Pairs`. `jwt`, `session`, `basic`: the
 * server's way in of that name.
 */
export type Need =
  | 'user'
  | 'spaced password'
  | 'plain user'
  | 'inactive user'
  | 'inactive key'
  | 'closed registration'
  | 'expired pair'
  | 'inactive pair'
  | 'jwt'
  | 'session'
  | 'basic';

/** Name and value, the value one Latin-1 character a byte: a header need not be text. */
export type Header = readonly [name: string, value: string];

/** The whole data, and no errors beside it. */
export interface Answered {
  status: 200;
  data: unknown;
}

/** One error, and no `data` key. */
export interface Refused {
  status: number;
  code: string;
  /** Left out where the words are the server's own; those behind which `<any text>` stands go on as it likes. */
  message?: string;
  /** What WWW-Authenticate says, to the letter or as far as `<any text>`; null: there is none. */
  challenge: string | null;
}

export type Expected = (Answered | Refused) & {
  /** By name in lower case, the list members that must be there. */
  headers?: Readonly<Record<string, readonly string[]>>;
};

/** The cookie that is set, as a browser sends it back, or what stands in the data at the end of this path. */
export type Kept = 'cookie' | readonly string[];

/** One request, and what must come back. Strings hold placeholders such as `<key>`: see `placeholders.ts`. */
export interface Step {
  document: string;
  variables?: Readonly<Record<string, unknown>>;
  headers?: readonly Header[];
  accept?: string;
  expected: Expected;
  /** By the placeholder that stands for it in the steps that follow, what of the reply is kept. */
  keep?: Readonly<Record<string, Kept>>;
}

/** One sentence that must be true of a server, and the requests that tell. */
export interface TokenCase {
  name: string;
  /** Django REST framework's own test of the same. */
  drf?: string;
  needs: readonly Need[];
  steps: readonly Step[];
}

export function answered(data: unknown): Answered {
  return { status: 200, data };
}

/** A browser's request that a page of another site may have made. */
export const CSRF_FAILED: Refused = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'CSRF Failed: <any text>',
  challenge: null,
};

/** Credentials that were sent and are not good. */
export function refused(message: string, challenge = 'Token'): Refused {
  return { status: 401, code: 'AUTHENTICATION_FAILED', message, challenge };
}

/** No credentials where they are needed. */
export const NOT_PROVIDED: Refused = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'Authentication credentials were not provided.',
  challenge: 'Token',
};
