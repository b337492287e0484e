import { requireUser } from '../accounts/users.ts';
import { expiryOf } from '../auth/expiry.ts';
import { keyOf } from '../auth/key.ts';
import type { Viewer } from '../auth/viewer.ts';
import { builder } from './builder.ts';
import { ownOrStaff } from './rules.ts';
import { accountRead, usersRead } from './scopes.ts';
import { User, userOfViewer } from './user.ts';

export const TokenKind = builder.enumType('TokenKind', {
  description: 'How a token came to be.',
  values: {
    LOGIN: { description: 'Obtained by username and password, and the only kind that is handed out again.' },
    API: { description: 'Made by hand.' },
    SESSION: { description: 'A browser’s cookie.' },
    ACCESS: { description: 'A signed access token, good for minutes.' },
    REFRESH: { description: 'A pair of an access and a refresh token, from its login on.' },
  } as const,
});

/** A token as the API tells of it: no field shows its key. */
export const Token = builder.prismaNode('Token', {
  description: 'A credential’s public side. Its key is shown only by the mutation that issues it.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'Unique among the user’s live tokens, but for one that was rotated and still works.',
    }),
    kind: t.expose('kind', { type: TokenKind, description: 'How the token came to be.' }),
    scopes: t.exposeStringList('scopes', { description: 'What the token may do; `*`: all that the user may do.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the token was made.' }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'The instant from which it is refused, as things stand: using a login token may move it on. Null: there is none.',
      resolve: (token, _args, { tokenRules }) => expiryOf(token, tokenRules.lifetimes),
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last came with a request.',
    }),
    user: t.field({
      type: User,
      description: 'Whose token it is.',
      authScopes: ownOrStaff(({ userId }) => userId, { own: [accountRead], others: [usersRead] }),
      // The caller's own row is at hand already: most tokens that are asked for are his.
      resolve: ({ userId }, _args, { viewer, database }) =>
        viewer?.user.id === userId ? userOfViewer(viewer.user) : requireUser(database, userId),
    }),
    isCurrent: t.boolean({
      description: 'Whether this very request came in with it.',
      resolve: ({ id }, _args, { viewer }) => viewer?.token?.id === id,
    }),
  }),
});

/** The row of the token that the viewer came in with: no query, and no field reads the columns that it leaves out. */
export function rowOfViewer({ token }: Viewer): typeof Token.$inferType | null {
  // An access token has none.
  return token === null || token.kind === 'ACCESS' ? null : (token as typeof Token.$inferType);
}

/** A token together with its key: the one object by which a key leaves the system. */
export const IssuedToken = builder.objectRef<{ token: typeof Token.$inferType }>('IssuedToken').implement({
  description: 'A token together with its key.',
  fields: (t) => ({
    key: t.string({
      description: 'The secret to send: `Authorization: Token <key>`.',
      resolve: ({ token }, _args, { tokenSecrets }) => keyOf(token, tokenSecrets),
    }),
    token: t.expose('token', { type: Token, description: 'The token’s public side.' }),
  }),
});
