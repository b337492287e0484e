import { findEvent } from '../accounts/audit-list.ts';
import { findToken } from '../accounts/tokens.ts';
import { findUserById } from '../accounts/users.ts';
import { isStaff } from '../auth/viewer.ts';
import { builder } from './builder.ts';
import { type Context, canSee, requireViewer } from './context.ts';
import { parseGlobalId } from './global-id.ts';
import { forbidden, lackUnder } from './judge-rules.ts';
import { asksByType, needsEither } from './rules.ts';
import { accountRead, auditRead, type Scope, tokensRead, usersRead } from './scopes.ts';
import { rowOfViewer } from './token.ts';
import { userOfViewer } from './user.ts';

const USER = { own: [accountRead], others: [usersRead] };
const EVENT = { own: [auditRead], others: [auditRead] };
const TOKEN = { own: [tokensRead], others: [tokensRead, usersRead] };

builder.queryField('node', (t) =>
  t.field({
    ...needsEither(accountRead, auditRead, tokensRead, usersRead),
    ...asksByType({ User: USER, Token: TOKEN, AuditEvent: EVENT }),
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
    requireScopes(context, id === viewer.user.id ? USER.own : USER.others);
    const user = id === viewer.user.id ? userOfViewer(viewer.user) : await findUserById(context.database, id);
    return user && { __typename: 'User', ...user };
  }
  if (typename === 'Token') {
    requireScopes(context, TOKEN.own);
    const own = rowOfViewer(viewer);
    const token = id === own?.id ? own : await findToken(context.database, id);
    if (token?.userId !== viewer.user.id) {
      if (!isStaff(viewer)) return null;
      // Asked whether it is there or not, which a token without this scope is not told either.
      requireScopes(context, TOKEN.others);
    }
    return token && { __typename: 'Token', ...token };
  }
  if (typename === 'AuditEvent' && isStaff(viewer)) {
    requireScopes(context, EVENT.others);
    const event = await findEvent(context.database, id);
    return event && { __typename: 'AuditEvent', ...event };
  }
  return null;
}

/** What the field as a whole asks for opens one of its kinds; this is what the kind asks for. */
function requireScopes(context: Context, scopes: readonly Scope[]): void {
  const lack = lackUnder({ name: 'scopes', parameter: [scopes.map(({ name }) => name)] }, context);
  if (lack !== null) throw forbidden(lack === 'standing' ? null : lack);
}
