import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ValidationPlugin from '@pothos/plugin-validation';
import { ValidationError } from '../accounts/failures.ts';
import type { Context } from './context.ts';
import GatesPlugin from './gates.ts';
import type PrismaTypes from './generated/pothos.ts';
import { getDatamodel } from './generated/pothos.ts';
import { globalIdOf } from './global-id.ts';

/** What every file of this folder adds its types and fields to; `schema.ts` builds the schema from it. */
export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Connection: { totalCount: (() => Promise<number>) | null };
  Scalars: { DateTime: { Input: Date; Output: Date }; ID: { Input: string; Output: string } };
}>({
  // Gates first: what wraps resolvers after them runs only for those who may.
  plugins: [GatesPlugin, ErrorsPlugin, ValidationPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
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
