// As tutorials have it: Yoga, Pothos, and a Prisma look-up of the token with each request. Tessera's own tables.
import { createServer } from 'node:http';
import SchemaBuilder from '@pothos/core';
import { PrismaPg } from '@prisma/adapter-pg';
import { createYoga } from 'graphql-yoga';
import { PrismaClient } from '../../dist/database/generated/prisma/client.js';
import { announce, keyOf } from './schema.js';

const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });
const builder = new SchemaBuilder({});
const User = builder.objectRef('User');
User.implement({ fields: (t) => ({ id: t.exposeID('id'), username: t.exposeString('username') }) });
const Token = builder.objectRef('Token');
Token.implement({ fields: (t) => ({ id: t.exposeID('id'), name: t.exposeString('name') }) });
builder.queryType({
  fields: (t) => ({
    me: t.field({
      type: User,
      resolve(_root, _args, { user }) {
        if (!user) throw new Error('Invalid token.');
        return user;
      },
    }),
    tokens: t.field({
      type: [Token],
      args: { first: t.arg.int() },
      resolve: (_root, { first }, { user }) =>
        prisma.token.findMany({ where: { userId: user.id }, orderBy: { createdAt: 'asc' }, take: first ?? 20 }),
    }),
  }),
});
const yoga = createYoga({
  schema: builder.toSchema(),
  logging: false,
  async context({ request }) {
    const id = keyOf({ authorization: request.headers.get('authorization') });
    const token = id && (await prisma.token.findUnique({ where: { id }, include: { user: true } }).catch(() => null));
    return { user: token ? token.user : null };
  },
});
const server = createServer(yoga);
server.listen(0, '127.0.0.1', () => announce(server.address().port));
