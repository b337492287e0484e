import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { RequestRefused } from '../errors.ts';
import type { TrustedDocuments } from '../graphql/trusted-documents.ts';

type TrustedParams = GraphQLParams & { documentId?: unknown };

/**
 * Runs the listed documents and no others, named by `documentId` or `extensions.persistedQuery.sha256Hash`, or sent
 * whole. Source: GraphQL over HTTP, appendix "Persisted Documents"; Apollo's persisted queries.
 */
export function useTrustedDocuments(trusted: TrustedDocuments): Plugin {
  return {
    onParams({ params, request, setParams }) {
      const { documentId = idInUrl(request), ...rest } = params as TrustedParams;
      const query = trustedQueryOf({ ...rest, documentId }, trusted);
      if (query === null) throw new RequestRefused('PERSISTED_QUERY_NOT_IN_LIST');
      setParams({ ...rest, query });
    },
  };
}

/** The listed document that these parameters ask for, or null. */
export function trustedQueryOf(
  { query: text, documentId, extensions }: TrustedParams,
  trusted: TrustedDocuments,
): string | null {
  if (typeof text === 'string') return trusted.byText(text);
  const id = documentId ?? hashOf(extensions);
  return typeof id === 'string' ? trusted.byId(id) : null;
}

function idInUrl({ method, url }: Request): string | null {
  return method === 'GET' ? new URL(url).searchParams.get('documentId') : null;
}

function hashOf(extensions: unknown): unknown {
  const { persistedQuery } = (extensions ?? {}) as { persistedQuery?: { sha256Hash?: unknown } | null };
  return persistedQuery?.sha256Hash;
}
