import { expect, it } from 'vitest';
import { createPasswords } from '../../src/auth/password.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { makeUser, request } = world;
const narrow = world.endpointWith({ BCRYPT_COST: '10', PASSWORDS_AT_ONCE: '1', PASSWORDS_WAITING: '2' });
/** Takes long enough to check that others come meanwhile. */
const passwordHash = await createPasswords({ cost: 10, pepper: null }).hash(PASSWORD);
const OVERLOADED = {
  message: 'Too many passwords are being checked. Try again in a moment.',
  extensions: { code: 'OVERLOADED' },
};

it.each<[string, string]>([
  ['obtainAuthToken', 'obtainAuthToken'],
  ['obtainTokenPair', 'obtainTokenPair'],
])('refuses a burst of %s but for as many as may wait, and says when to come again', async (_name, field) => {
  const query = `mutation L($username: String!) {
    ${field}(input: { username: $username, password: "${PASSWORD}" }) { __typename }
  }`;
  const users = await Promise.all(Array.from({ length: 12 }, () => makeUser()));
  await world.database.user.updateMany({ data: { passwordHash } });
  const asked = users.map(({ user }) => ({ variables: { username: user.username } }));
  const answers = await Promise.all(asked.map((each) => request(query, each, narrow)));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThanOrEqual(6);
  for (const { status, headers, body } of refused) {
    expect({ status, retryAfter: headers.get('retry-after'), body }).toEqual({
      status: 503,
      retryAfter: '1',
      body: { data: null, errors: [expect.objectContaining(OVERLOADED)] },
    });
  }
  // Room again, once they are done.
  expect((await request(query, asked[0], narrow)).status).toBe(200);
});

it('refuses whoever it is: the answer tells nothing of the user', async () => {
  const { user } = await makeUser();
  const query = (username: string) =>
    `mutation { obtainAuthToken(input: { username: "${username}", password: "wrong" }) { __typename } }`;
  const names = Array.from({ length: 24 }, (_each, n) => (n % 2 === 0 ? user.username : `nobody${n}`));
  const answers = await Promise.all(names.map((name) => request(query(name), {}, narrow)));
  const bodies = new Set(answers.filter(({ status }) => status === 503).map(({ body }) => JSON.stringify(body)));
  expect(bodies.size).toBe(1);
});
