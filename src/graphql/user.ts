import type { ViewerUser } from '../auth/viewer.ts';
import { builder } from './builder.ts';
import { ownOrStaff } from './rules.ts';
import { accountRead, usersRead } from './scopes.ts';

const account = { own: [accountRead], others: [usersRead] };

/** A user as the API tells of him. */
export const User = builder.prismaNode('User', {
  description: 'Somebody who can sign in.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    username: t.exposeString('username', { description: 'The name to sign in with.' }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'Shown to oneself and to staff.',
      authScopes: ownOrStaff(({ id }) => id, account),
    }),
    isActive: t.exposeBoolean('isActive', { description: 'Whether the user may sign in.' }),
    isStaff: t.exposeBoolean('isStaff', { description: 'Whether the user may administer others.' }),
    isSuperuser: t.exposeBoolean('isSuperuser', { description: 'Whether the user may do everything.' }),
    dateJoined: t.expose('dateJoined', { type: 'DateTime', description: 'When the user was made.' }),
    lastLogin: t.expose('lastLogin', {
      type: 'DateTime',
      nullable: true,
      description: 'When a password last opened the account. Shown to oneself and to staff.',
      authScopes: ownOrStaff(({ id }) => id, account),
    }),
  }),
});

/** The viewer's own row, for fields that give a User: no query, and no field reads the columns that it leaves out. */
export function userOfViewer(user: ViewerUser): typeof User.$inferType {
  return user as typeof User.$inferType;
}
