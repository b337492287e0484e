import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ServerError } from '@apollo/client';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type DocumentNode, getOperationAST, OperationTypeNode, print } from 'graphql';
import { ClientError } from 'graphql-request';
import { codeOf as apolloCodeOf, createApolloClient } from './apollo.ts';
import { ask as askByFetch, Refused } from './fetch.ts';
import { createGraphQLRequestClient, codeOf as graphQLRequestCodeOf } from './graphql-request.ts';
import { authorization, noticeRefusal, type Session } from './session.ts';
import { createUrqlClient, codeOf as urqlCodeOf } from './urql.ts';

/** What a client makes of an answer. */
interface Outcome<Data> {
  data?: Data | undefined;
  /** The API refuses. */
  code?: unknown;
  /** The answer is not the API's. */
  status?: number;
  /** Nobody answers. */
  isAway?: true;
}

/** An operation of the guide, by the client's own means, with whatever it sends by default. */
export type Ask = <Data, Variables extends Record<string, unknown>>(
  url: string,
  session: Session,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) => Promise<Outcome<Data>>;

export const CLIENTS: Record<string, Ask> = {
  'Apollo Client': async (url, session, document, variables) => {
    const client = createApolloClient(url, session);
    try {
      const { data } = isMutation(document)
        ? await client.mutate({ mutation: document, variables })
        : await client.query({ query: document, variables });
      return { data };
    } catch (error) {
      return ServerError.is(error) ? { status: error.statusCode } : failure(error, apolloCodeOf(error));
    }
  },

  urql: async (url, session, document, variables) => {
    const client = createUrqlClient(url, session);
    const { data, error } = await (isMutation(document)
      ? client.mutation(document, variables)
      : client.query(document, variables));
    if (!error) return { data };
    const isAnswer = error.networkError && error.response;
    return isAnswer ? { status: error.response.status } : failure(error.networkError, urqlCodeOf(error));
  },

  'graphql-request': async <Data, Variables extends object>(
    url: string,
    session: Session,
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ) => {
    try {
      return { data: await createGraphQLRequestClient(url, session).request<Data>({ document, variables }) };
    } catch (error) {
      const isOther = error instanceof ClientError && !error.response.errors;
      return isOther ? { status: error.response.status } : failure(error, graphQLRequestCodeOf(error));
    }
  },

  fetch: async (url, session, document, variables) => {
    try {
      return { data: await askByFetch(url, session, document, variables) };
    } catch (error) {
      const isOther = error instanceof Refused && !error.code;
      return isOther ? { status: error.status } : failure(error, error instanceof Refused ? error.code : undefined);
    }
  },

  curl: async (url, session, document, variables) => {
    const headers = Object.entries({ 'Content-Type': 'application/json', ...authorization(session) });
    const parts = headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const curl = spawn('curl', ['-sS', '-w', '\n%{http_code}', '--data', '@-', ...parts, url]);
    curl.stdin.end(JSON.stringify({ query: print(document), variables }));
    const exit = new Promise((resolve) => curl.on('close', resolve));
    const [body = '', status] = (await text(curl.stdout)).split(/\n(?=\d+$)/);
    if ((await exit) === CURL_COULD_NOT_CONNECT) return { isAway: true };
    if (!body.startsWith('{')) return { status: Number(status) };
    const { data, errors } = JSON.parse(body);
    noticeRefusal(session, errors?.[0].extensions.code);
    return errors ? { code: errors[0].extensions.code } : { data };
  },
};

const CURL_COULD_NOT_CONNECT = 7;

function isMutation(document: DocumentNode): boolean {
  return getOperationAST(document)?.operation === OperationTypeNode.MUTATION;
}

// What `fetch` throws when nobody answers is a TypeError, in every browser and in Node.
function failure(error: unknown, code: unknown): Outcome<never> {
  if (code !== undefined) return { code };
  if (error instanceof TypeError) return { isAway: true };
  throw error;
}
