import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin, { type AuthFailure } from '@pothos/plugin-scope-auth';
import ValidationPlugin from '@pothos/plugin-validation';
import { ValidationError } from '../accounts/failures.ts';
import type { ScopeRequirement } from '../auth/scope.ts';
import type { Context } from './context.ts';
import type PrismaTypes from './generated/pothos.ts';
import { getDatamodel } from './generated/pothos.ts';
import { globalIdOf } from './global-id.ts';
import { forbidden, lackUnder, type Rule, type Rules, ruleLoaders, together } from './judge-rules.ts';
import { toGraphQLError } from './refusal.ts';

/** What every file of this folder adds its types and fields to; `schema.ts` builds the schema from it. */
export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  AuthScopes: Rules;
  DefaultAuthStrategy: 'all';
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Connection: { totalCount: (() => Promise<number>) | null };
  Scalars: { DateTime: { Input: Date; Output: Date }; ID: { Input: string; Output: string } };
}>({
  // Scope-auth first: what wraps resolvers after it runs only for those who may.
  plugins: [ScopeAuthPlugin, ErrorsPlugin, ValidationPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authScopes: ruleLoaders,
    defaultStrategy: 'all',
    authorizeOnSubscribe: true,
    unauthorizedError: (_parent, context, _info, { failure }) =>
      toGraphQLError(context.viewer ? forbidden(lackingIn(failure, context)) : context.credentialsMissing()),
  },
  errors: { unsafelyHandleInputErrors: true },
  validation: {
    validationError: ({ issues }) =>
      new ValidationError(issues.map(({ path, message }) => ({ path: (path ?? []).map(segmentOf).slice(1), message }))),
  },
  relay: {
    encodeGlobalID: (typename, id) => globalIdOf(typename, String(id)),
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'Whatever has a global id.' },
    idFieldOptions: { description: 'Global id.' },
    pageInfoTypeOptions: { description: 'Where a page stands among the others.' },
    hasNextPageFieldOptions: { description: 'Whether something comes after it.' },
    hasPreviousPageFieldOptions: { description: 'Whether something comes before it.' },
    startCursorFieldOptions: { description: 'The cursor of its first edge.' },
    endCursorFieldOptions: { description: 'The cursor of its last edge.' },
    edgesFieldOptions: { nullable: { list: false, items: false }, description: 'What stands on the page.' },
    nodeFieldOptions: { nullable: false, description: 'The thing itself.' },
    cursorFieldOptions: { description: 'What to send as `after` or `before`.' },
    pageInfoFieldOptions: { description: 'Where the page stands among the others.' },
    firstArgOptions: { description: 'How many from the beginning: 20 unless told, at most 100.' },
    afterArgOptions: { description: 'Only what comes after this cursor.' },
    lastArgOptions: { description: 'How many from the end, at most 100.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
  prisma: { client: (context) => context.database, dmmf: getDatamodel(), exposeDescriptions: false },
});

// Closed by default: a root field asks for a signed-in viewer unless it declares itself public.
builder.queryType({ description: 'What can be read.', authScopes: { isAuthenticated: true } });
builder.mutationType({ description: 'What can be done.', authScopes: { isAuthenticated: true } });
builder.subscriptionType({ description: 'What can be heard of as it happens.', authScopes: { isAuthenticated: true } });

function segmentOf(segment: PropertyKey | { key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}

/** What the caller's token lacks, where a field's own gate was shut for that alone. */
function lackingIn(failure: AuthFailure, context: Context): ScopeRequirement | null {
  const lacks = failuresIn(failure).map(({ scope, parameter }) =>
    lackUnder({ name: scope, parameter } as Rule, context),
  );
  const lacking = lacks.filter((lack): lack is ScopeRequirement => lack !== null && lack !== 'standing');
  return lacking.length > 0 && !lacks.includes('standing') ? together(lacking) : null;
}

function failuresIn(failure: AuthFailure): { scope: string; parameter: unknown }[] {
  if ('failures' in failure) return failure.failures.flatMap(failuresIn);
  return 'parameter' in failure ? [failure] : [];
}
