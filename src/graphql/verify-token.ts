import { InvalidTokenError } from '../accounts/failures.ts';
import { type VerifiedToken as Verified, verifyToken } from '../accounts/verify-token.ts';
import { builder } from './builder.ts';
import { wayIn } from './rules.ts';
import { TokenKind } from './token.ts';
import { User, userOfViewer } from './user.ts';

const VerifiedToken = builder.objectRef<Verified>('VerifiedToken').implement({
  description: 'What a token that is good now is worth.',
  fields: (t) => ({
    kind: t.expose('kind', { type: TokenKind, description: 'Of what kind it is.' }),
    user: t.field({ type: User, description: 'Whose it is.', resolve: ({ user }) => userOfViewer(user) }),
    scopes: t.exposeStringList('scopes', { description: 'What it may do; `*`: all that the user may do.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The instant from which it is refused, as things stand. Null: there is none.',
    }),
  }),
});

const VerifyTokenResult = builder.errorUnion('VerifyTokenResult', {
  description: 'What the token is worth, or why it is no good.',
  types: [VerifiedToken, InvalidTokenError],
  resolveType: () => 'VerifiedToken',
});

builder.mutationField('verifyToken', (t) =>
  t.field({
    ...wayIn,
    type: VerifyTokenResult,
    description:
      'Whether an access token, a refresh token or a key is good now, looked up whatever JWT_CHECK says; no use of it.',
    args: { token: t.arg.string({ required: true, description: 'The token, as it would be sent.' }) },
    resolve: (_root, { token }, { database, tokenSecrets, authentication, accessTokens, tokenRules: rules, now }) =>
      verifyToken(database, token, { secrets: tokenSecrets, authentication, accessTokens, rules, now: now() }),
  }),
);
