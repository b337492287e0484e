import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { RequestRefused } from '../errors.ts';
import type { TrustedDocuments } from '../graphql/trusted-documents.ts';

type Params = GraphQLParams & { documentId?: unknown };

/**
 * Runs the listed documents and no others, named by `documentId` or `extensions.persistedQuery.sha256Hash`, or sent
 * whole. Source: GraphQL over HTTP, appendix "Persisted Documents"; Apollo's persisted queries.
 */
export function useTrustedDocuments(trusted: TrustedDocuments): Plugin {
  return {
    onParams({ params, request, setParams }) {
      const { documentId = idInUrl(request), ...rest } = params as Params;
      const id = documentId ?? hashOf(rest);
      const { query: text } = rest;
      const query = typeof text === 'string' ? trusted.byText(text) : typeof id === 'string' ? trusted.byId(id) : null;
      if (query === null) throw new RequestRefused('PERSISTED_QUERY_NOT_IN_LIST');
      setParams({ ...rest, query });
    },
  };
}

function idInUrl({ method, url }: Request): string | null {
  return method === 'GET' ? new URL(url).searchParams.get('documentId') : null;
}

function hashOf({ extensions }: GraphQLParams): unknown {
  const { persistedQuery } = (extensions ?? {}) as { persistedQuery?: { sha256Hash?: unknown } | null };
  return persistedQuery?.sha256Hash;
}
