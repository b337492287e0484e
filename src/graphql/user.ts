import { findUserById } from '../accounts/users.ts';
import type { ViewerIdentity } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import type { User as UserRow } from '../database/generated/prisma/client.ts';
import { RequestRefused } from '../errors.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { ownOrStaff } from './rules.ts';
import { accountRead, usersRead } from './scopes.ts';

const account = { own: [accountRead], others: [usersRead] };

/** A user as the API tells of him. */
export const User = builder.prismaNode('User', {
  description: 'Somebody who can sign in.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    username: t.exposeString('username', { description: 'The name to sign in with.' }),
    email: t.string({
      nullable: true,
      description: 'Shown to oneself and to staff.',
      authScopes: ownOrStaff(({ id }) => id, account),
      resolve: async (user, _args, context) => (await rowOf(user, context)).email,
    }),
    isActive: t.boolean({
      description: 'Whether the user may sign in.',
      resolve: async (user, _args, context) => (await rowOf(user, context)).isActive,
    }),
    isStaff: t.exposeBoolean('isStaff', { description: 'Whether the user may administer others.' }),
    isSuperuser: t.exposeBoolean('isSuperuser', { description: 'Whether the user may do everything.' }),
    dateJoined: t.field({
      type: 'DateTime',
      description: 'When the user was made.',
      resolve: async (user, _args, context) => (await rowOf(user, context)).dateJoined,
    }),
    lastLogin: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a password last opened the account. Shown to oneself and to staff.',
      authScopes: ownOrStaff(({ id }) => id, account),
      resolve: async (user, _args, context) => (await rowOf(user, context)).lastLogin,
    }),
  }),
});

/** The viewer's own row, for fields that give a User: no query, unless a field needs what his credential does not say. */
export function userOfViewer(user: ViewerIdentity): UserRow {
  return user as UserRow;
}

/**
 * Throws RequestRefused (FORBIDDEN) when somebody who is staff by his access token's word is so no more: what he makes
 * would outlast the token.
 */
export async function requireStaffStill({ viewer, database }: Pick<Context, 'viewer' | 'database'>): Promise<void> {
  if (viewer?.token?.kind !== 'ACCESS') return;
  const { isActive, isStaff, isSuperuser } = await rowOf(userOfViewer(viewer.user), { database });
  if (!isActive || !(isStaff || isSuperuser)) throw new RequestRefused('FORBIDDEN');
}

const rows = new WeakMap<ViewerIdentity, Promise<UserRow>>();

/** The whole row of a user of whom an access token alone has told so far: one query, however many fields need it. */
function rowOf(user: UserRow, { database }: Pick<Context, 'database'>): UserRow | Promise<UserRow> {
  if ('dateJoined' in user) return user;
  const { id } = user as ViewerIdentity;
  const row = rows.get(user) ?? requireRow(database, id);
  rows.set(user, row);
  return row;
}

async function requireRow(database: Database, id: string): Promise<UserRow> {
  const row = await findUserById(database, id);
  if (!row) throw new RequestRefused('AUTHENTICATION_FAILED', 'User not found');
  return row;
}
