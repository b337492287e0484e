import { builder } from './builder.ts';
import { requireViewer } from './context.ts';
import { needs, publicField } from './rules.ts';
import { accountRead } from './scopes.ts';
import { rowOfViewer, Token } from './token.ts';
import { User, userOfViewer } from './user.ts';

builder.queryFields((t) => ({
  me: t.field({
    ...needs(accountRead),
    type: User,
    description: 'The signed-in user.',
    resolve: (_root, _args, context) => userOfViewer(requireViewer(context).user),
  }),
  viewer: t.field({
    ...publicField,
    authScopes: { scopesOfViewer: [[accountRead.name]] },
    type: User,
    nullable: true,
    description: 'The signed-in user, or null when nobody is signed in.',
    resolve: (_root, _args, { viewer }) => viewer && userOfViewer(viewer.user),
  }),
  currentToken: t.field({
    type: Token,
    nullable: true,
    description: 'The token of this very request, or null when the caller came in without an opaque token.',
    resolve: (_root, _args, context) => rowOfViewer(requireViewer(context)),
  }),
}));
