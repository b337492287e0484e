import { ask } from './fetch.ts';
import {
  ObtainPairDocument,
  type ObtainPairMutation,
  RefreshPairDocument,
  RevokePairDocument,
} from './generated/graphql.ts';

export type TokenPair = Extract<ObtainPairMutation['obtainTokenPair'], { __typename: 'TokenPair' }>;

/** Where the pair is kept. Null: nobody is signed in, and the login form is due. */
export interface PairSession {
  pair: TokenPair | null;
}

const NOBODY = { key: null };
/** So long before its end an access token is refreshed, and no more often: this device's clock may be wrong. */
const MARGIN_MS = 30_000;

export function createPairClient(url: string, session: PairSession) {
  // A refresh token is good once: whoever needs the next pair waits for the one refresh that is under way.
  let refreshing: Promise<void> | null = null;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  /** Keeps the pair, or says what to show beside the form. */
  async function logIn(username: string, password: string): Promise<string[]> {
    const { obtainTokenPair: result } = await ask(url, NOBODY, ObtainPairDocument, { username, password });
    switch (result.__typename) {
      case 'TokenPair':
        session.pair = result;
        return [];
      case 'InvalidCredentialsError':
        return [result.message];
      case 'ValidationError':
        return result.fields.map(({ path, message }) => `${path.join('.')}: ${message}`);
    }
  }

  async function logOut(): Promise<void> {
    const { pair } = session;
    session.pair = null;
    if (pair) await ask(url, NOBODY, RevokePairDocument, { refresh: pair.refresh });
  }

  /** `fetch` with the access token: the next one where it is about to expire, or is refused. */
  async function fetchByPair(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const before = session.pair;
    if (before && isDue(before)) await refresh(before);
    // With a pair that has just ended all the same: it is refused, and not taken for a stranger's request.
    const sent = session.pair ?? before;
    if (!sent) return fetch(request);
    const response = await fetch(withAccess(request.clone(), sent));
    if (response.status !== 401) return response;
    // AUTHENTICATION_FAILED, and nothing has been done: a mutation may be sent again, too.
    await refresh(sent);
    return session.pair ? fetch(withAccess(request, session.pair)) : response;
  }

  function isDue({ accessExpiresAt }: TokenPair): boolean {
    const now = Date.now();
    return now > Date.parse(accessExpiresAt) - MARGIN_MS && now > refreshedAt + MARGIN_MS;
  }

  /** Puts the next pair in the place of this one, where that has not been done; null, where there is none. */
  async function refresh({ refresh: token }: TokenPair): Promise<void> {
    if (session.pair?.refresh !== token) return;
    refreshing ??= moveOn(token).finally(() => {
      refreshing = null;
    });
    await refreshing;
  }

  async function moveOn(token: string): Promise<void> {
    // Without an answer this throws, and the pair stays: who asks again at once is answered the same.
    const { refreshTokenPair: next } = await ask(url, NOBODY, RefreshPairDocument, { refresh: token });
    // Else somebody has logged out meanwhile.
    if (session.pair?.refresh === token) session.pair = next.__typename === 'TokenPair' ? next : null;
    refreshedAt = Date.now();
  }

  return { logIn, logOut, fetch: fetchByPair };
}

function withAccess(request: Request, { access }: TokenPair): Request {
  request.headers.set('Authorization', `Bearer ${access}`);
  return request;
}
