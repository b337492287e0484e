import { findToken } from '../accounts/tokens.ts';
import { findUserById } from '../accounts/users.ts';
import { builder } from './builder.ts';
import { type Context, canSee, requireViewer } from './context.ts';
import { parseGlobalId } from './global-id.ts';

builder.queryField('node', (t) =>
  t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description: 'The object of this global id, or null for one that the caller may not see.',
    args: { id: t.arg.id({ required: true, description: 'Global id.' }) },
    resolve: (_root, { id }, context) => findNode(id, context),
  }),
);

async function findNode(globalId: string, context: Context) {
  const viewer = requireViewer(context);
  const { typename, id } = parseGlobalId(globalId) ?? {};
  if (id === undefined) return null;
  if (typename === 'User' && canSee(context, id)) {
    const user = id === viewer.user.id ? viewer.user : await findUserById(context.database, id);
    return user && { __typename: 'User', ...user };
  }
  if (typename === 'Token') {
    const token = id === viewer.token?.id ? viewer.token : await findToken(context.database, id);
    return token && canSee(context, token.userId) ? { __typename: 'Token', ...token } : null;
  }
  return null;
}
