import type { Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import { judge } from '../auth/authenticate.ts';
import type { Scheme, SentCredentials } from '../auth/scheme.ts';
import type { Viewer } from '../auth/viewer.ts';
import { refusalWhenAway } from '../database/away.ts';
import { ERROR_CODES, type ErrorCode, RequestRefused } from '../errors.ts';
import type { Context } from '../graphql/context.ts';
import { type RateLimits, refuseExcess } from './rate-limits.ts';
import { readForm } from './read-form.ts';
import type { SenderOf } from './sender.ts';
import { sentCredentials } from './sent-credentials.ts';
import { refuseTwoAuthorizations } from './two-authorizations.ts';
import { type RequestEntries, warnOfAway } from './use-request-log.ts';

export interface OAuthParts {
  schemes: readonly Scheme[];
  entries: RequestEntries;
  senderOf: SenderOf;
  limits: RateLimits;
  log: Logger;
}

interface OAuthEndpoint {
  path: string;
  /** Throws RequestRefused when this caller may not ask at all; null: anybody may. */
  admit: ((viewer: Viewer | null) => void) | null;
  /** What is answered to whoever sends this token: an object, or null for an empty body. */
  answer(token: string, caller: Pick<Context, 'viewer' | 'sender'>): Promise<object | null>;
}

interface Reply {
  status: number;
  headers?: Record<string, string>;
  body: object | null;
}

/** How OAuth calls what the server refuses. Source: RFC 6749, sections 4.1.2.1 and 5.2; RFC 6750, section 3.1. */
const OAUTH_ERRORS: Partial<Record<ErrorCode, string>> = {
  BAD_REQUEST: 'invalid_request',
  UNAUTHENTICATED: 'invalid_client',
  AUTHENTICATION_FAILED: 'invalid_token',
  FORBIDDEN: 'insufficient_scope',
  THROTTLED: 'temporarily_unavailable',
  OVERLOADED: 'temporarily_unavailable',
  INTERNAL_SERVER_ERROR: 'server_error',
};

const METHOD = 'POST';

/**
 * An endpoint beside GraphQL that is sent a token as a form and answers JSON, in OAuth's words. The caller is known by
 * the server's own schemes. Nothing is ever thrown at Yoga, which would answer with a stack trace.
 */
export function oauthEndpoint(
  { path, admit, answer }: OAuthEndpoint,
  { schemes, entries, senderOf, limits, log }: OAuthParts,
): Plugin {
  async function reply(request: Request, serverContext: object): Promise<Reply> {
    if (request.method !== METHOD) return notAllowed();
    refuseTwoAuthorizations(serverContext);
    const sender = () => senderOf(request, serverContext);
    const viewer = await viewerOf(sentCredentials(request, serverContext, sender));
    const entry = entries.get(request);
    if (entry) entry.context = { viewer, admitted: new Set(), failure: null };
    refuseExcess(limits.count(request, viewer?.user.id ?? null, serverContext));
    admit?.(viewer);
    const token = (await readForm(request)).get('token');
    if (!token) throw new RequestRefused('BAD_REQUEST', 'The parameter token is missing.');
    return { status: 200, body: await answer(token, { viewer, sender }) };
  }

  async function viewerOf(sent: SentCredentials): Promise<Viewer | null> {
    const judgement = await judge(sent, schemes);
    if (!judgement?.refusal) return judgement?.viewer ?? null;
    // A cookie without its proof was not sent on purpose: it keeps nobody from what anybody may do.
    if (admit === null && judgement.scheme.isAmbient) return null;
    throw judgement.refusal;
  }

  async function safeReply(request: Request, serverContext: object): Promise<Reply> {
    const entry = entries.get(request);
    if (entry) entry.operation = path;
    try {
      return await reply(request, serverContext);
    } catch (error) {
      const refusal = refusalOf(error, entry?.requestId);
      if (entry) entry.outcome = refusal.code;
      return refused(refusal);
    }
  }

  function refusalOf(error: unknown, requestId: string | undefined): RequestRefused {
    if (error instanceof RequestRefused) return error;
    const away = refusalWhenAway(error);
    if (away) warnOfAway(log, requestId, error);
    else log.error({ requestId, err: error }, 'request failed');
    return away ?? new RequestRefused('INTERNAL_SERVER_ERROR');
  }

  return {
    onRequest({ request, url, serverContext, fetchAPI, endResponse }) {
      // The URL of a GraphQL request need not be taken apart for this.
      if (!request.url.includes(path) || url.pathname !== path) return;
      return safeReply(request, serverContext).then(({ status, headers, body }) => {
        const type = body && { 'Content-Type': 'application/json; charset=utf-8' };
        const text = body && JSON.stringify(body);
        // Cache-Control stands on every answer of the server: useCallerHeaders.
        endResponse(new fetchAPI.Response(text, { status, headers: { Pragma: 'no-cache', ...type, ...headers } }));
      });
    },
  };
}

function refused({ code, message, headers }: RequestRefused): Reply {
  const error = OAUTH_ERRORS[code] ?? 'invalid_request';
  return { status: ERROR_CODES[code].status, headers, body: { error, error_description: message } };
}

function notAllowed(): Reply {
  const body = { error: 'invalid_request', error_description: `The method must be ${METHOD}.` };
  return { status: 405, headers: { Allow: METHOD }, body };
}
