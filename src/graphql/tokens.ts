import { countTokens, listTokens, type TokenPosition } from '../accounts/token-list.ts';
import { RequestRefused } from '../errors.ts';
import { builder } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { UUID } from './global-id.ts';
import { type PageArguments, pagedBy, resolvePage } from './page.ts';
import { needs, ownOrStaff } from './rules.ts';
import { tokensRead, usersRead } from './scopes.ts';
import { Token } from './token.ts';
import { User } from './user.ts';

const TokenEdge = builder.edgeObject({ type: Token, name: 'TokenEdge', description: 'A token and its place.' });

const TokenConnection = builder.connectionObject(
  {
    type: Token,
    name: 'TokenConnection',
    description: 'A page of tokens, in the order in which they were made.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many there are on all pages together.',
        resolve({ totalCount }) {
          if (!totalCount) throw new Error('A page of tokens was made without their number.');
          return totalCount();
        },
      }),
    }),
  },
  TokenEdge,
);

const ofTokens = pagedBy(positionAt);

builder.queryField('tokens', (t) =>
  t.connection(
    {
      ...ofTokens,
      ...needs(tokensRead),
      type: Token,
      description: 'The caller’s own tokens. Expired ones are listed until they are pruned, 30 days later.',
      resolve: (_root, args, context) => tokensOf(requireViewer(context).user.id, args, context),
    },
    TokenConnection,
    TokenEdge,
  ),
);

builder.prismaObjectField(User, 'tokens', (t) =>
  t.connection(
    {
      ...ofTokens,
      type: Token,
      description: 'The user’s tokens, as in `Query.tokens`. Shown to oneself and to staff.',
      authScopes: ownOrStaff(({ id }) => id, { own: [tokensRead], others: [tokensRead, usersRead] }),
      resolve: ({ id }, args, context) => tokensOf(id, args, context),
    },
    TokenConnection,
    TokenEdge,
  ),
);

function tokensOf(userId: string, args: PageArguments, { database }: Context) {
  return resolvePage(
    args,
    { toCursor, positionAt },
    {
      list: (slice) => listTokens(database, { userId, ...slice }),
      count: () => countTokens(database, userId),
    },
  );
}

const POSITION = new RegExp(`^(\\S{24}) (${UUID})$`);

function toCursor({ createdAt, id }: TokenPosition): string {
  return Buffer.from(`${createdAt.toISOString()} ${id}`).toString('base64url');
}

function positionAt(cursor: string): TokenPosition {
  const [, instant = '', id = ''] = POSITION.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const createdAt = new Date(instant);
  // Years that PostgreSQL does not know are none that it has given.
  if (!(createdAt.getTime() >= 0)) {
    throw new RequestRefused('BAD_REQUEST', 'This cursor is none that a page of tokens has given.');
  }
  return { createdAt, id };
}
