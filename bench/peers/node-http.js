import { createServer } from 'node:http';
import { announce } from './schema.js';

const body = '{}';
const headers = { 'content-type': 'application/json', 'content-length': body.length };
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, headers).end(body);
});
server.listen(0, '127.0.0.1', () => announce(server.address().port));
