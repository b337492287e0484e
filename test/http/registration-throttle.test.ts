import { expect, it } from 'vitest';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const env = { REGISTRATION: 'open', MAX_REGISTRATIONS_PER_ADDRESS: '3' };
const server = world.endpointWith(env);

let made = 0;
async function register(address: string, username = `newcomer${++made}`, password = PASSWORD, key?: string) {
  const query = `mutation { createUser(input: { username: "${username}", password: "${password}" }) { __typename } }`;
  const req = { socket: { remoteAddress: address }, headers: {}, rawHeaders: [] };
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Token ${key}` }) };
  const init = { method: 'POST', headers, body: JSON.stringify({ query }) };
  const response = await server.fetch('http://localhost:4000/graphql', init, { req } as never);
  const { data, errors } = await response.json();
  return data?.createUser.__typename ?? [response.status, response.headers.get('retry-after'), errors[0].extensions];
}

const REFUSED = [429, '1', { code: 'THROTTLED', retryAfterSeconds: 1 }];

it('lets so many register from an address, and from no other fewer', async () => {
  for (let n = 0; n < 3; n++) expect(await register('192.0.2.1')).toBe('CreatedUser');
  expect(await register('192.0.2.1')).toEqual(REFUSED);
  expect(await world.database.user.count({ where: { username: `newcomer${made}` } })).toBe(0);
  expect(await register('192.0.2.2')).toBe('CreatedUser');
});

it('counts names that are taken, and nothing that was never tried', async () => {
  const { user } = await world.makeUser();
  for (let n = 0; n < 5; n++) expect(await register('192.0.2.3', `weak${n}`, 'password')).toBe('ValidationError');
  for (let n = 0; n < 3; n++) expect(await register('192.0.2.3', user.username)).toBe('UsernameTakenError');
  expect(await register('192.0.2.3')).toEqual(REFUSED);
});

it('lets no more through when many come at once', async () => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => register('192.0.2.4')));
  expect(outcomes.filter((outcome) => outcome === 'CreatedUser')).toHaveLength(3);
});

it('does not count for staff', async () => {
  const { key } = await world.makeUser('registrar', { isStaff: true });
  for (let n = 0; n < 5; n++) expect(await register('192.0.2.5', undefined, PASSWORD, key)).toBe('CreatedUser');
});
