import * as z from 'zod';
import { ScopeNotGrantedError, TokenNotFoundError, ValidationError } from '../accounts/failures.ts';
import { overlapSchema, rotateToken } from '../accounts/rotate-token.ts';
import { builder } from './builder.ts';
import { originOf, requireViewer } from './context.ts';
import { parseGlobalId } from './global-id.ts';
import { needs } from './rules.ts';
import { tokensWrite } from './scopes.ts';
import { IssuedToken } from './token.ts';

const RotateTokenInput = builder
  .inputType('RotateTokenInput', {
    description: 'Which token gets a new key.',
    fields: (t) => ({
      id: t.id({ required: true, description: 'Global id of the token.' }),
      overlapSeconds: t.int({
        defaultValue: 0,
        description: 'For how long the old key works beside the new one: up to 604,800 seconds, which are 7 days.',
      }),
    }),
  })
  .validate(z.object({ id: z.string(), overlapSeconds: overlapSchema }));

const RotateTokenResult = builder.errorUnion('RotateTokenResult', {
  description: 'The new token with its key, or why there is none.',
  types: [IssuedToken, TokenNotFoundError, ScopeNotGrantedError, ValidationError],
  resolveType: () => 'IssuedToken',
});

builder.mutationField('rotateToken', (t) =>
  t.field({
    ...needs(tokensWrite),
    type: RotateTokenResult,
    description:
      'Put a new token, with a new key, in the place of one of the caller’s own that may do no more, and lives no longer, than the caller’s. It lives as long as the old one would have; the old key ends when the overlap is over.',
    args: { input: t.arg({ type: RotateTokenInput, required: true, description: 'What is rotated.' }) },
    resolve: async (_root, { input }, context) => {
      const { typename, id: tokenId } = parseGlobalId(input.id) ?? {};
      if (typename !== 'Token' || tokenId === undefined) throw new TokenNotFoundError();
      const { database, tokenRules: rules, now } = context;
      const overlapSeconds = input.overlapSeconds ?? 0;
      const rotation = { tokenId, overlapSeconds, rules, now: now(), origin: originOf(context) };
      return { token: await rotateToken(database, requireViewer(context), rotation) };
    },
  }),
);
