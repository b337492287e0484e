import { createContextCache } from '@pothos/core';
import type { GraphQLSchema } from 'graphql';
import { fewestAlternatives, lackingOf } from '../auth/scope.ts';
import { RequestRefused } from '../errors.ts';
import { isPublic, rulesOf, scopesNeeded } from './authorize-operation.ts';
import { builder } from './builder.ts';
import { checkTokens } from './check-tokens.ts';
import type { Context } from './context.ts';
import { heldScopes } from './judge-rules.ts';
import { readDocument } from './read-document.ts';
import { publicField } from './rules.ts';
import { declaredScopes, type Scope } from './scopes.ts';

/** What a request may be long; as many characters of documents can it ask about, each operation counted. */
const MOST_CHARACTERS = 1_000_000;

interface RequiredScopes {
  scopes: string[][];
  isPublic: boolean;
  missing: string[][];
}

const ScopeType = builder.objectRef<Scope>('Scope').implement({
  description: 'A permission that a token can be given.',
  fields: (t) => ({
    name: t.exposeString('name', { description: '`resource:verb`.' }),
    description: t.exposeString('description', { description: 'What it allows, for people.' }),
  }),
});

const RequiredScopesType = builder.objectRef<RequiredScopes>('RequiredScopes').implement({
  description:
    'What a token needs for an operation: one of these lists of scopes, and all that stands in it. No list: nothing.',
  fields: (t) => ({
    scopes: t.field({
      type: t.listRef(t.listRef('String')),
      description: 'All that it needs, whatever its variables.',
      resolve: ({ scopes }) => scopes,
    }),
    public: t.boolean({
      description: 'Whether somebody who is not signed in may run it.',
      resolve: ({ isPublic }) => isPublic,
    }),
    missing: t.field({
      type: t.listRef(t.listRef('String')),
      description: 'What of it the token of this very request lacks; of a stranger, all.',
      resolve: ({ missing }) => missing,
    }),
  }),
});

builder.queryFields((t) => ({
  scopes: t.field({
    ...publicField,
    type: [ScopeType],
    description: 'Every scope there is; besides, `*` stands for all that the user may do.',
    resolve: () => declaredScopes(),
  }),
  requiredScopes: t.field({
    ...publicField,
    type: RequiredScopesType,
    description: 'What a token needs to run an operation, told without running it.',
    args: {
      document: t.arg.string({ required: true, description: 'The document, as it would be sent as `query`.' }),
      operationName: t.arg.string({ description: 'Which of its operations, if there are several.' }),
    },
    resolve: (_root, { document, operationName }, context, { schema }) =>
      findRequiredScopes(schema, document, operationName ?? null, context),
  }),
}));

type Outcome = { found: RequiredScopes } | { refusal: RequestRefused };

/** What this request has asked about so far: nothing is read twice, and no more than a request could send. */
const asked = createContextCache((_context: Context) => ({
  characters: 0,
  work: 0,
  outcomes: new Map<string, Map<string | null, Outcome>>(),
}));

function findRequiredScopes(
  schema: GraphQLSchema,
  document: string,
  operationName: string | null,
  context: Context,
): RequiredScopes {
  const soFar = asked(context);
  const outcomes = soFar.outcomes.get(document) ?? new Map<string | null, Outcome>();
  soFar.outcomes.set(document, outcomes);
  let outcome = outcomes.get(operationName);
  if (!outcome) {
    soFar.characters += document.length;
    outcome =
      soFar.characters > MOST_CHARACTERS ? { refusal: tooMuch() } : outcomeOf(schema, document, operationName, context);
    outcomes.set(operationName, outcome);
  }
  if ('refusal' in outcome) throw outcome.refusal;
  return outcome.found;
}

function outcomeOf(schema: GraphQLSchema, document: string, operationName: string | null, context: Context): Outcome {
  try {
    refuseMoreWork(document, context);
    const rules = rulesOf(readDocument(schema, document, operationName, context.queryLimits));
    const { registration, viewer } = context;
    const scopes = fewestAlternatives(scopesNeeded(rules, { viewer: null, registration }));
    const missing = viewer ? lackingOf(heldScopes(viewer), scopesNeeded(rules, context)) : scopes;
    return { found: { scopes, isPublic: isPublic(rules, context), missing } };
  } catch (error) {
    if (error instanceof RequestRefused) return { refusal: error };
    throw error;
  }
}

// Validation takes as long as the square of a document: together they cost no more than the largest one would.
function refuseMoreWork(document: string, context: Context): void {
  const soFar = asked(context);
  const limit = context.queryLimits.tokens;
  soFar.work += checkTokens(document, limit) ** 2;
  if (soFar.work <= limit ** 2) return;
  const message = 'The documents asked about are too large together. Ask about fewer of them at once.';
  throw new RequestRefused('OPERATION_TOO_COMPLEX', message);
}

function tooMuch(): RequestRefused {
  return new RequestRefused(
    'OPERATION_TOO_COMPLEX',
    `The documents asked about must not be longer than ${MOST_CHARACTERS.toLocaleString('en')} characters together.`,
  );
}
