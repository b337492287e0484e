import { revokeAllTokens } from '../accounts/revoke-tokens.ts';
import { builder } from './builder.ts';
import { originOf, requireViewer } from './context.ts';
import { needs } from './rules.ts';
import { tokensWrite } from './scopes.ts';

const RevokedTokens = builder.objectRef<{ count: number }>('RevokedTokens').implement({
  description: 'What is left of tokens that were revoked.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many there were, of those that had not expired.' }),
  }),
});

builder.mutationField('revokeAllTokens', (t) =>
  t.field({
    ...needs(tokensWrite),
    type: RevokedTokens,
    description: 'End the caller’s tokens, on every device; their keys are refused from then on.',
    args: {
      keepCurrent: t.arg.boolean({
        defaultValue: false,
        description: 'Whether the token of this very request stays.',
      }),
    },
    resolve: async (_root, { keepCurrent }, context) => {
      const { database, tokenRules: rules, now } = context;
      const options = { keepCurrent: keepCurrent ?? false, rules, now: now(), origin: originOf(context) };
      return { count: await revokeAllTokens(database, requireViewer(context), options) };
    },
  }),
);
