import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLClient } from 'graphql-request';
import { Client, fetchExchange } from 'urql';

/** A request as it goes over the wire. */
export interface WireRequest {
  headers: Record<string, string>;
  body: string;
}

const QUERY = 'query Me { me { id username } }';
const ANSWER = JSON.stringify({ data: { me: { __typename: 'User', id: 'x', username: 'ada' } } });
/** Whoever sends it again says these himself. */
const OWN = ['host', 'connection', 'content-length'];

/** What graphql-request, Apollo Client and urql send when they ask who the caller is, by their names. */
export async function clientRequests(authorization: string): Promise<[string, WireRequest][]> {
  const headers = { authorization };
  const asks: [string, (url: string) => Promise<unknown>][] = [
    ['graphql-request', (url) => new GraphQLClient(url, { headers }).request(QUERY)],
    [
      'Apollo Client',
      (uri) =>
        new ApolloClient({ link: new HttpLink({ uri, headers }), cache: new InMemoryCache() }).query({
          query: gql(QUERY),
        }),
    ],
    [
      'urql',
      (url) =>
        new Client({ url, exchanges: [fetchExchange], fetchOptions: { headers }, preferGetMethod: false })
          .query(QUERY, {})
          .toPromise(),
    ],
  ];
  const sent: [string, WireRequest][] = [];
  for (const [name, ask] of asks) sent.push([name, await caught(ask)]);
  return sent;
}

/** What the asker sends, caught by a server that answers it. */
async function caught(ask: (url: string) => Promise<unknown>): Promise<WireRequest> {
  let request: WireRequest | null = null;
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    const headers = Object.entries(req.headers).filter(([name]) => !OWN.includes(name));
    request = { headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])), body };
    res.setHeader('content-type', 'application/json').end(ANSWER);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  if (!request) throw new Error('The client has sent nothing.');
  return request;
}
