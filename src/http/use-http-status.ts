import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { withExtensions } from './with-extensions.ts';

const OF_HTTP = [405, 406, 413];

type Http = { status?: number; headers?: Record<string, string>; spec?: boolean };

/**
 * Status and code of every answer: with data 200, whatever errors stand beside it; without, that of the first error.
 * Source: GraphQL over HTTP, "Status Codes"; Yoga by itself would apply an error's status although there is data.
 */
export function useHttpStatus(): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      if (Array.isArray(result) || !('errors' in result) || !result.errors?.length) return;
      const hasData = result.data !== null && result.data !== undefined;
      const [first, ...rest] = result.errors.map((error) => (hasData ? withoutHttp(error) : withStatus(error)));
      if (first) setResult({ ...(result as ExecutionResult), errors: [first, ...rest.map(withoutHttp)] });
    },
  };
}

function withStatus(error: GraphQLError): GraphQLError {
  const code = codeOf(error);
  const rule: { status: number; isSpec?: true } = ERROR_CODES[code];
  const { http: declared, originalError: _, ...extensions } = error.extensions;
  const { status, ...given } = (declared ?? {}) as Http;
  // What HTTP itself refuses (405, 406, 413) keeps its own status.
  const http = {
    ...given,
    status: code === 'BAD_REQUEST' && status !== undefined && OF_HTTP.includes(status) ? status : rule.status,
  };
  return withExtensions(error, { ...extensions, code, http: { ...http, spec: rule.isSpec ?? false } });
}

/** The error as it stands in an answer whose status is settled. */
export function withoutHttp(error: GraphQLError): GraphQLError {
  const { http: _, ...extensions } = error.extensions;
  return withExtensions(error, extensions);
}

function codeOf(error: GraphQLError): ErrorCode {
  const { code } = error.extensions;
  if (typeof code === 'string' && code in ERROR_CODES) return code as ErrorCode;
  if (code === 'REQUEST_ENTITY_TOO_LARGE') return 'BAD_REQUEST';
  if (error.message.startsWith('Syntax Error')) return 'GRAPHQL_PARSE_FAILED';
  // What graphql-js refuses before it runs anything: an unknown operation name, variables that do not fit.
  return 'GRAPHQL_VALIDATION_FAILED';
}
