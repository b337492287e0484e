import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { announce, resolvers, typeDefs } from './schema.js';

const server = createServer(createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false }));
server.listen(0, '127.0.0.1', () => announce(server.address().port));
