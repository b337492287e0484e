import type { GraphQLField, GraphQLObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Viewer } from '../../src/auth/viewer.ts';
import { RequestRefused } from '../../src/errors.ts';
import type { Context } from '../../src/graphql/context.ts';
import { lackUnder } from '../../src/graphql/judge-rules.ts';
import { staticRulesOf } from '../../src/graphql/rules.ts';
import { schema } from '../../src/graphql/schema.ts';

// Past the judgement of the whole operation, which comes before: what each field does for itself.

type Field = GraphQLField<unknown, unknown>;

function contextOf(viewer: Viewer | null): Context {
  const credentialsMissing = () => new RequestRefused('UNAUTHENTICATED');
  return { viewer, registration: 'closed', admitted: new Set(), credentialsMissing } as unknown as Context;
}

function viewerWith(id: string, scopes: string[], isStaff = false): Viewer {
  const user = { id, username: id, isStaff, isSuperuser: false };
  return { user, token: { scopes } } as unknown as Viewer;
}

const subscriptions = schema.getSubscriptionType()?.getFields() ?? {};

/** The code that the field refuses with, and what it says is lacking. */
async function refusalBy({ name, subscribe, resolve }: Field, parent: unknown, viewer: Viewer | null) {
  try {
    // Plugins give the others one, too, which nobody calls.
    const run = name in subscriptions ? subscribe : resolve;
    await run?.(parent, {}, contextOf(viewer), {} as never);
    return null;
  } catch (error) {
    const { extensions } = error as { extensions?: { code?: string; requiredScopes?: string[][] } };
    return { code: extensions?.code, requiredScopes: extensions?.requiredScopes };
  }
}

const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()] as GraphQLObjectType[];
const closed = roots.flatMap((parent) =>
  Object.values(parent.getFields())
    .filter((field) =>
      staticRulesOf(parent, field).some((rule) => lackUnder(rule, { viewer: null, registration: 'closed' }) !== null),
    )
    .map((field): [string, Field] => [`${parent.name}.${field.name}`, field]),
);

describe('a field by itself', () => {
  it('is one of several kinds', () => {
    expect(new Set(closed.map(([name]) => name.split('.')[0]))).toEqual(new Set(['Query', 'Mutation', 'Subscription']));
  });

  it.each(closed)('shuts out strangers: %s', async (_name, field) => {
    expect(await refusalBy(field, undefined, null)).toEqual({ code: 'UNAUTHENTICATED', requiredScopes: undefined });
  });

  it('names all the scopes that a token lacks', async () => {
    const [, tokens] = closed.find(([name]) => name === 'Query.tokens') ?? [];
    expect(await refusalBy(tokens as Field, undefined, viewerWith('u', ['account:read']))).toEqual({
      code: 'FORBIDDEN',
      requiredScopes: [['tokens:read']],
    });
  });

  const email = (schema.getType('User') as GraphQLObjectType).getFields().email as Field;
  const row = { id: 'u', email: 'u@example.org', dateJoined: new Date() };
  it.each([
    ['a stranger', null, { code: 'UNAUTHENTICATED' }],
    ['another', viewerWith('v', ['*']), { code: 'FORBIDDEN' }],
    [
      'its owner, by a token without the scope',
      viewerWith('u', []),
      { code: 'FORBIDDEN', requiredScopes: [['account:read']] },
    ],
    [
      'staff, by a token without the scope',
      viewerWith('s', ['account:read'], true),
      { code: 'FORBIDDEN', requiredScopes: [['users:read']] },
    ],
    ['its owner', viewerWith('u', ['account:read']), null],
    ['staff', viewerWith('s', ['users:read'], true), null],
  ])('shows a row to whom it may: %s', async (_who, viewer, refusal) => {
    expect(await refusalBy(email, row, viewer)).toEqual(refusal && { requiredScopes: undefined, ...refusal });
  });
});
