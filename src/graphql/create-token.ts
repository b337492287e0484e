import { createToken } from '../accounts/create-token.ts';
import { ScopeNotGrantedError, TokenNameTakenError, ValidationError } from '../accounts/failures.ts';
import { builder } from './builder.ts';
import { originOf, requireViewer } from './context.ts';
import { needs } from './rules.ts';
import { declaredScopes, tokensWrite } from './scopes.ts';
import { IssuedToken } from './token.ts';

const CreateTokenInput = builder.inputType('CreateTokenInput', {
  description: 'What a new token is made from.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is for: unique among the caller’s live tokens.' }),
    scopes: t.stringList({
      required: true,
      defaultValue: ['*'],
      description: 'What it may do: `*`, or scopes that there are, at most 100. None: it opens what needs no scope.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'The instant from which it is refused. Left out: when the caller’s own token ends, if ever it does.',
    }),
  }),
});

const CreateTokenResult = builder.errorUnion('CreateTokenResult', {
  description: 'The token with its key, or why there is none.',
  types: [IssuedToken, TokenNameTakenError, ScopeNotGrantedError, ValidationError],
  resolveType: () => 'IssuedToken',
});

builder.mutationField('createToken', (t) =>
  t.field({
    ...needs(tokensWrite),
    type: CreateTokenResult,
    description:
      'Make a token for a program or a device of the caller’s. Its key is shown this once. It may do no more, and lives no longer, than the token that makes it.',
    args: { input: t.arg({ type: CreateTokenInput, required: true, description: 'What is made.' }) },
    resolve: async (_root, { input }, context) => {
      const { database, tokenRules: rules, now } = context;
      const knownScopes = declaredScopes().map(({ name }) => name);
      const options = { rules, knownScopes, now: now(), origin: originOf(context) };
      return { token: await createToken(database, requireViewer(context), input, options) };
    },
  }),
);
