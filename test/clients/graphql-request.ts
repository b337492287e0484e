import { ClientError, GraphQLClient } from 'graphql-request';
import { authorization, noticeRefusal, type Session } from './session.ts';

export function createGraphQLRequestClient(url: string, session: Session): GraphQLClient {
  return new GraphQLClient(url, {
    headers: () => authorization(session),
    responseMiddleware: (response) => noticeRefusal(session, codeOf(response)),
  });
}

export function codeOf(error: unknown): unknown {
  return error instanceof ClientError ? error.response.errors?.[0]?.extensions.code : undefined;
}
