import { Client, CombinedError, cacheExchange, fetchExchange, mapExchange } from 'urql';
import { authorization, noticeRefusal, type Session } from './session.ts';

export function createUrqlClient(url: string, session: Session): Client {
  const refusals = mapExchange({ onError: (error) => noticeRefusal(session, codeOf(error)) });
  return new Client({
    url,
    exchanges: [cacheExchange, refusals, fetchExchange],
    fetchOptions: () => ({ headers: authorization(session) }),
    preferGetMethod: false,
  });
}

export function codeOf(error: unknown): unknown {
  return error instanceof CombinedError ? error.graphQLErrors[0]?.extensions.code : undefined;
}
