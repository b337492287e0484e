import { TokenNotFoundError } from '../accounts/failures.ts';
import { revokeToken } from '../accounts/revoke-tokens.ts';
import { builder } from './builder.ts';
import { originOf, requireViewer } from './context.ts';
import { globalIdOf, parseGlobalId } from './global-id.ts';
import { needs } from './rules.ts';
import { tokensWrite } from './scopes.ts';

const RevokedToken = builder.objectRef<{ id: string; name: string }>('RevokedToken').implement({
  description: 'What is left of a token that was revoked.',
  fields: (t) => ({
    revokedTokenId: t.id({
      description: 'The global id that it had.',
      resolve: ({ id }) => globalIdOf('Token', id),
    }),
    name: t.exposeString('name', { description: 'The name that it had, free again.' }),
  }),
});

const RevokeTokenResult = builder.errorUnion('RevokeTokenResult', {
  description: 'What was revoked, or why nothing was.',
  types: [RevokedToken, TokenNotFoundError],
  resolveType: () => 'RevokedToken',
});

builder.mutationFields((t) => ({
  revokeToken: t.field({
    ...needs(tokensWrite),
    type: RevokeTokenResult,
    description: 'End one of the caller’s own tokens; its key is refused from then on.',
    args: { id: t.arg.id({ required: true, description: 'Global id of the token.' }) },
    resolve: (_root, { id: globalId }, context) => {
      const { typename, id } = parseGlobalId(globalId) ?? {};
      if (typename !== 'Token' || id === undefined) throw new TokenNotFoundError();
      return revokeToken(context.database, requireViewer(context), id, originOf(context));
    },
  }),
  revokeCurrentToken: t.field({
    type: RevokeTokenResult,
    description: 'Log out: end the token of this very request.',
    resolve: (_root, _args, context) => {
      const viewer = requireViewer(context);
      if (!viewer.token) throw new TokenNotFoundError();
      // Its cookie would be dead.
      if (viewer.token.kind === 'SESSION') context.browser?.setSession(null);
      return revokeToken(context.database, viewer, viewer.token.id, originOf(context));
    },
  }),
}));
