import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { changePassword } from '../../src/accounts/change-password.ts';
import { issueSignIn } from '../../src/accounts/issue-sign-in.ts';
import { newPasswordSchema } from '../../src/accounts/new-password.ts';
import { deleteUser, setActive } from '../../src/accounts/users.ts';
import { newTokenId } from '../../src/auth/key.ts';
import { refreshKeyOf } from '../../src/auth/refresh-key.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request, clock, tokenSecrets } = world;

const PAIR =
  '{ __typename ... on TokenPair { access refresh accessExpiresAt refreshExpiresAt } ... on Error { message } }';
const OBTAIN = `mutation O($username: String!, $password: String!) {
  obtainTokenPair(input: { username: $username, password: $password }) ${PAIR}
}`;
const REFRESH = `mutation R($refresh: String!) { refreshTokenPair(refresh: $refresh) ${PAIR} }`;
const REVOKE = `mutation R($refresh: String!) {
  revokeTokenPair(refresh: $refresh) { __typename ... on RevokedTokenPair { revoked } ... on Error { message } }
}`;
const VERIFY = `mutation V($token: String!) {
  verifyToken(token: $token) {
    __typename ... on VerifiedToken { kind scopes expiresAt user { username } } ... on Error { message }
  }
}`;
const ME = '{ me { username } }';
const SECOND = 1_000;

async function obtain(username: string, password = PASSWORD) {
  const { body } = await request(OBTAIN, { variables: { username, password } });
  return body.data.obtainTokenPair;
}

async function refresh(token: string) {
  const { body } = await request(REFRESH, { variables: { refresh: token } });
  return body.data.refreshTokenPair;
}

async function verify(token: string) {
  const { body } = await request(VERIFY, { variables: { token } });
  return body.data.verifyToken;
}

async function revoke(token: string) {
  const { body } = await request(REVOKE, { variables: { refresh: token } });
  return body.data.revokeTokenPair;
}

function bearer(access: string, document = ME) {
  return request(document, { headers: { authorization: `Bearer ${access}` } });
}

const invalid = (message: string) => ({ __typename: 'InvalidTokenError', message });

async function makePair() {
  const { user, key } = await makeUser();
  return { user, key, pair: await obtain(user.username) };
}

async function pairIdOf(user: { id: string }): Promise<string> {
  const { id } = await database.token.findFirstOrThrow({ where: { userId: user.id, kind: 'REFRESH' } });
  return id;
}

describe('obtainTokenPair', () => {
  it('gives an access token that says what it must, and a refresh token', async () => {
    const { user, pair } = await makePair();
    const now = Math.floor(clock.now.getTime() / SECOND);
    expect(pair).toEqual({
      __typename: 'TokenPair',
      access: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      refresh: expect.stringMatching(/^tsrr_[\w-]{48}$/),
      accessExpiresAt: new Date((now + 300) * SECOND).toISOString(),
      refreshExpiresAt: new Date(clock.now.getTime() + 14 * 86_400 * SECOND).toISOString(),
    });
    expect(decodeProtectedHeader(pair.access)).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.any(String) });
    expect(decodeJwt(pair.access)).toEqual({
      iss: 'http://localhost:4000',
      aud: 'http://localhost:4000',
      sub: btoa(`User:${user.id}`),
      sid: expect.any(String),
      jti: expect.any(String),
      iat: now,
      exp: now + 300,
      scope: '*',
      username: user.username,
      is_staff: false,
      is_superuser: false,
    });
    expect((await bearer(pair.access)).body).toEqual({ data: { me: { username: user.username } } });
  });

  it('refuses a wrong password, an unknown user and an inactive one in simplejwt’s words', async () => {
    const { user } = await makeUser();
    const refused = {
      __typename: 'InvalidCredentialsError',
      message: 'No active account found with the given credentials',
    };
    expect(await obtain(user.username, 'wrong')).toEqual(refused);
    expect(await obtain('nobody-at-all')).toEqual(refused);
    await setActive(database, { userId: user.id, isActive: false }, NOBODY);
    expect(await obtain(user.username)).toEqual(refused);
    expect(await obtain('', '')).toMatchObject({ __typename: 'ValidationError' });
  });

  it('is refused, as every way in that is closed, before a password is looked at', async () => {
    const keysAlone = world.endpointWith({ AUTHENTICATION: 'token' });
    const { user } = await makeUser();
    world.queries.length = 0;
    const { status, body } = await request(
      OBTAIN,
      { variables: { username: user.username, password: PASSWORD } },
      keysAlone,
    );
    expect({ status, message: body.errors[0].message, queries: world.queries }).toEqual({
      status: 403,
      message: 'This way in is closed: AUTHENTICATION on this server does not name jwt.',
      queries: [],
    });
  });

  it('makes room for the pair of a login by that which was unused for longest', async () => {
    const few = world.endpointWith({ MAX_TOKENS_PER_USER: '2' });
    const { user } = await makeUser();
    const asked = { variables: { username: user.username, password: PASSWORD } };
    const pairs = [];
    for (let n = 0; n < 3; n++) {
      pairs.push((await request(OBTAIN, asked, few)).body.data.obtainTokenPair);
      clock.now = new Date(clock.now.getTime() + SECOND);
    }
    expect(await verify(pairs[0].refresh)).toEqual(invalid('Token is blacklisted'));
    expect(await verify(pairs[1].refresh)).toMatchObject({ kind: 'REFRESH' });
    expect(await verify(pairs[2].refresh)).toMatchObject({ kind: 'REFRESH' });
  });
});

describe('refreshTokenPair', () => {
  it('gives the next pair, and spends the refresh token', async () => {
    const { user, pair } = await makePair();
    clock.now = new Date(clock.now.getTime() + 60 * SECOND);
    const next = await refresh(pair.refresh);
    expect(next).toMatchObject({ __typename: 'TokenPair' });
    expect(next.refresh).not.toBe(pair.refresh);
    expect(next.refreshExpiresAt > pair.refreshExpiresAt).toBe(true);
    expect((await bearer(next.access)).body).toEqual({ data: { me: { username: user.username } } });
  });

  it('gives a client that lost its answer the same refresh token again, within 10 seconds', async () => {
    const { pair } = await makePair();
    const next = await refresh(pair.refresh);
    clock.now = new Date(clock.now.getTime() + 10 * SECOND - 1);
    expect((await refresh(pair.refresh)).refresh).toBe(next.refresh);
    expect(await refresh(next.refresh)).toMatchObject({ __typename: 'TokenPair' });
    expect(world.logged.some((line) => line.includes('asked for again'))).toBe(true);
  });

  it('ends the pair for everybody when a spent token comes again after 10 seconds', async () => {
    const { pair } = await makePair();
    const next = await refresh(pair.refresh);
    clock.now = new Date(clock.now.getTime() + 10 * SECOND);
    expect(await refresh(pair.refresh)).toEqual(invalid('Token is blacklisted'));
    expect(await refresh(next.refresh)).toEqual(invalid('Token is blacklisted'));
    expect(world.logged.some((line) => line.includes('came again: its pair is revoked'))).toBe(true);
  });

  it('ends it at once when the successor was used already', async () => {
    const { pair } = await makePair();
    const second = await refresh(pair.refresh);
    const third = await refresh(second.refresh);
    expect(await refresh(pair.refresh)).toEqual(invalid('Token is blacklisted'));
    expect(await refresh(third.refresh)).toEqual(invalid('Token is blacklisted'));
  });

  it('gives one successor to twenty tabs that refresh at once', async () => {
    const { pair } = await makePair();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(pair.refresh)));
    expect(new Set(answers.map((answer) => answer.refresh)).size).toBe(1);
    expect(await refresh(answers[0].refresh)).toMatchObject({ __typename: 'TokenPair' });
  });

  it('ends with its time, at the very instant', async () => {
    const { pair } = await makePair();
    clock.now = new Date(Date.parse(pair.refreshExpiresAt) - 1);
    const next = await refresh(pair.refresh);
    clock.now = new Date(Date.parse(next.refreshExpiresAt));
    expect(await refresh(next.refresh)).toEqual(invalid('Token is expired'));
    expect(await verify(next.refresh)).toEqual(invalid('Token is expired'));
    expect(await revoke(next.refresh)).toEqual(invalid('Token is expired'));
  });

  it('is refused to an inactive user, whose pair goes on when he is active again', async () => {
    const { user, pair } = await makePair();
    await setActive(database, { userId: user.id, isActive: false }, NOBODY);
    expect(await refresh(pair.refresh)).toEqual(invalid('User is inactive'));
    await setActive(database, { userId: user.id, isActive: true }, NOBODY);
    expect(await refresh(pair.refresh)).toMatchObject({ __typename: 'TokenPair' });
  });

  it.each([
    [
      'a change of the password',
      async (user: { id: string }) => {
        const password = await newPasswordSchema({ username: 'x', email: null }).parseAsync({
          password: 'another fine password',
        });
        await changePassword(database, world.passwords, {
          userId: user.id,
          ...password,
          keepTokens: false,
          origin: NOBODY,
        });
      },
    ],
    ['the end of the user', async (user: { id: string }) => void (await deleteUser(database, user.id, NOBODY))],
    [
      'revokeAllTokens',
      async (_user: { id: string }, key: string) => {
        expect((await request('mutation { revokeAllTokens { count } }', { key })).status).toBe(200);
      },
    ],
  ])('ends at once with %s', async (_what, end) => {
    const { user, key, pair } = await makePair();
    await end(user, key);
    expect(await refresh(pair.refresh)).toEqual(invalid('Token is blacklisted'));
    expect(await verify(pair.access)).toEqual(invalid('Token is blacklisted'));
  });

  it('refuses what was never given out by arithmetic alone', async () => {
    const { pair } = await makePair();
    const forged = pair.refresh.slice(0, -2) + (pair.refresh.at(-2) === 'A' ? 'B' : 'A') + pair.refresh.at(-1);
    const foreign = refreshKeyOf({ pairId: newTokenId(), refreshCount: 0 }, ['f'.repeat(32)]);
    world.queries.length = 0;
    for (const token of [
      '',
      'x',
      forged,
      foreign,
      `${pair.refresh}=`,
      pair.refresh.replace('tsrr_', 'tsr_'),
      pair.access,
    ]) {
      expect(await refresh(token)).toEqual(invalid('Token is invalid'));
    }
    expect(world.queries).toEqual([]);
  });

  it('ends the pair for a count that is still to come, as after a restored backup', async () => {
    const { user, pair } = await makePair();
    const early = refreshKeyOf({ pairId: await pairIdOf(user), refreshCount: 7 }, tokenSecrets);
    expect(await refresh(early)).toEqual(invalid('Token is blacklisted'));
    expect(await refresh(pair.refresh)).toEqual(invalid('Token is blacklisted'));
  });

  it('ends the pair of an inactive user, too, when a spent token comes again', async () => {
    const { user, pair } = await makePair();
    const next = await refresh(pair.refresh);
    clock.now = new Date(clock.now.getTime() + 10 * SECOND);
    await setActive(database, { userId: user.id, isActive: false }, NOBODY);
    expect(await refresh(pair.refresh)).toEqual(invalid('Token is blacklisted'));
    await setActive(database, { userId: user.id, isActive: true }, NOBODY);
    expect(await refresh(next.refresh)).toEqual(invalid('Token is blacklisted'));
  });

  it('gives an inactive user nothing again, also within 10 seconds', async () => {
    const { user, pair } = await makePair();
    const next = await refresh(pair.refresh);
    await setActive(database, { userId: user.id, isActive: false }, NOBODY);
    expect(await refresh(pair.refresh)).toEqual(invalid('User is inactive'));
    await setActive(database, { userId: user.id, isActive: true }, NOBODY);
    expect(await refresh(next.refresh)).toMatchObject({ __typename: 'TokenPair' });
  });

  it('says in one statement whose the next pair is', async () => {
    const { pair } = await makePair();
    world.queries.length = 0;
    expect(await refresh(pair.refresh)).toMatchObject({ __typename: 'TokenPair' });
    expect(world.queries).toHaveLength(1);
  });

  it('never fails and never lets in, whatever is sent', async () => {
    const { pair } = await makePair();
    const mutated = fc
      .tuple(fc.nat({ max: pair.refresh.length - 1 }), fc.string({ minLength: 1, maxLength: 2 }))
      .map(([at, piece]) => pair.refresh.slice(0, at) + piece + pair.refresh.slice(at + 1))
      .filter((text) => text !== pair.refresh);
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.string()), async (token) => {
        expect(await refresh(token)).toEqual(invalid('Token is invalid'));
      }),
      { numRuns: 60 },
    );
  });
});

/** A step in the life of a pair; `age`: which of its refresh tokens, counted back from the newest. */
type Step =
  | { does: 'refresh' | 'verify' | 'revoke'; age: number }
  | { does: 'wait'; seconds: number }
  | { does: 'setActive'; isActive: boolean };

const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ does: fc.constant('refresh' as const), age: fc.constantFrom(0, 0, 0, 1, 1, 2) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('verify' as const), age: fc.constantFrom(0, 0, 1) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('revoke' as const), age: fc.constantFrom(0, 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('wait' as const),
      seconds: fc.constantFrom(0.001, 9.999, 10, 300, 7 * 86_400, 14 * 86_400),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('setActive' as const), isActive: fc.boolean() }) },
);

describe('the life of a pair', () => {
  it('is what these rules say, whatever is done in whatever order', async () => {
    const seen = new Map<string, number>();
    const today = clock.now;
    onTestFinished(() => {
      clock.now = today;
    });
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 4, maxLength: 16 }), async (steps) => {
        const { user, pair } = await makePair();
        const held: string[] = [pair.refresh];
        const model = { isThere: true, isActive: true, spentAt: 0, endsAt: Date.parse(pair.refreshExpiresAt) };

        function expected(does: 'refresh' | 'verify' | 'revoke', age: number): string {
          const now = clock.now.getTime();
          if (!model.isThere) return 'Token is blacklisted';
          if (now >= model.endsAt) return 'Token is expired';
          if (does === 'revoke') return 'ends it';
          const isRetry = does === 'refresh' && age === 1 && now - model.spentAt < 10 * SECOND;
          if (does === 'refresh' && age > 0 && !isRetry) return 'ends it, as a theft';
          if (!model.isActive) return 'User is inactive';
          if (does === 'verify') return age === 0 ? 'is good' : 'Token is blacklisted';
          return isRetry ? 'gives the same again' : 'gives the next';
        }

        for (const step of steps) {
          if (step.does === 'wait') clock.now = new Date(clock.now.getTime() + step.seconds * SECOND);
          else if (step.does === 'setActive') {
            model.isActive = step.isActive;
            await setActive(database, { userId: user.id, isActive: step.isActive }, NOBODY);
          } else {
            const age = Math.min(step.age, held.length - 1);
            const token = held.at(-1 - age) ?? '';
            const is = expected(step.does, age);
            seen.set(is, (seen.get(is) ?? 0) + 1);
            const answer = await { refresh, verify, revoke }[step.does](token);
            if (is === 'ends it') expect(answer).toMatchObject({ revoked: true });
            else if (is === 'is good') expect(answer).toMatchObject({ kind: 'REFRESH' });
            else if (is === 'gives the same again') expect(answer.refresh).toBe(held.at(-1));
            else if (is === 'gives the next') {
              expect(held).not.toContain(answer.refresh);
              held.push(answer.refresh);
              model.spentAt = clock.now.getTime();
              model.endsAt = Date.parse(answer.refreshExpiresAt);
            } else expect(answer).toEqual(invalid(is === 'ends it, as a theft' ? 'Token is blacklisted' : is));
            if (is.startsWith('ends it')) model.isThere = false;
          }
        }
      }),
      { numRuns: 120 },
    );
    // Each rule came up: what never happens would show nothing.
    expect(seen.size).toBe(8);
  }, 120_000);
});

describe('a server that has no key to sign with', () => {
  it('spends no refresh token and checks no password for it', async () => {
    const { user, pair } = await makePair();
    const none = { signer: () => Promise.reject(new Error('none')), find: async () => null, published: async () => [] };
    const keyless = world.endpointWith({}, { signingKeys: none });
    world.queries.length = 0;
    const refused = await request(REFRESH, { variables: { refresh: pair.refresh } }, keyless);
    const alike = await request(OBTAIN, { variables: { username: user.username, password: PASSWORD } }, keyless);
    expect([refused.status, alike.status, world.queries]).toEqual([500, 500, []]);
    clock.now = new Date(clock.now.getTime() + 60 * SECOND);
    expect(await refresh(pair.refresh)).toMatchObject({ __typename: 'TokenPair' });
  });
});

describe('a login that hashes the password anew', () => {
  it('lets in as many as have the right password at once, and makes way once a login', async () => {
    const dear = world.endpointWith({ BCRYPT_COST: '5', MAX_TOKENS_PER_USER: '4' });
    const { user } = await makeUser();
    const asked = { variables: { username: user.username, password: PASSWORD } };
    const answers = await Promise.all(Array.from({ length: 4 }, () => request(OBTAIN, asked, dear)));
    expect(answers.map(({ body }) => body.data.obtainTokenPair.__typename)).toEqual(Array(4).fill('TokenPair'));
    const pairs = answers.map(({ body }) => body.data.obtainTokenPair.refresh);
    for (const token of pairs) expect(await verify(token)).toMatchObject({ kind: 'REFRESH' });
  });

  it('ends no pair for a login that comes to nothing', async () => {
    const { user, pair } = await makePair();
    const stale = { id: user.id, passwordHash: 'another' };
    const rules = { ...world.tokenRules, maxTokensPerUser: 1 };
    const draft = { user: stale, kind: 'REFRESH' as const, expiresAt: null };
    expect(await issueSignIn(database, draft, { rules, now: clock.now, origin: NOBODY })).toBeNull();
    expect(await verify(pair.refresh)).toMatchObject({ kind: 'REFRESH' });
  });
});

describe('verifyToken', () => {
  it('takes nothing whose way in is closed', async () => {
    const { key, pair } = await makePair();
    const verifyAt = async (token: string, AUTHENTICATION: string) => {
      const to = world.endpointWith({ AUTHENTICATION });
      return (await request(VERIFY, { variables: { token } }, to)).body.data.verifyToken;
    };
    for (const token of [pair.access, pair.refresh]) {
      expect(await verifyAt(token, 'token')).toEqual(invalid('Token is invalid'));
      expect(await verifyAt(token, 'jwt')).toMatchObject({ __typename: 'VerifiedToken' });
    }
    expect(await verifyAt(key, 'jwt')).toEqual(invalid('Token is invalid'));
    expect(await verifyAt(key, 'token')).toMatchObject({ __typename: 'VerifiedToken' });
  });

  it('tells what each kind of token is worth, and notes no use', async () => {
    const { user, key, pair } = await makePair();
    const worth = { __typename: 'VerifiedToken', scopes: ['*'], user: { username: user.username } };
    expect(await verify(pair.access)).toEqual({ ...worth, kind: 'ACCESS', expiresAt: pair.accessExpiresAt });
    expect(await verify(pair.refresh)).toEqual({ ...worth, kind: 'REFRESH', expiresAt: pair.refreshExpiresAt });
    expect(await verify(key)).toEqual({ ...worth, kind: 'LOGIN', expiresAt: expect.any(String) });
    await world.lastUsed.write();
    const rows = await database.token.findMany({ where: { userId: user.id } });
    expect(rows.map(({ lastUsedAt }) => lastUsedAt)).toEqual([null, null]);
  });

  it('says what is wrong with those that are no good', async () => {
    const { user, pair } = await makePair();
    expect(await verify('nonsense')).toEqual(invalid('Token is invalid'));
    expect(await verify(`${pair.access}x`)).toEqual(invalid('Token is invalid'));
    await refresh(pair.refresh);
    expect(await verify(pair.refresh)).toEqual(invalid('Token is blacklisted'));
    await setActive(database, { userId: user.id, isActive: false }, NOBODY);
    expect(await verify(pair.access)).toEqual(invalid('User is inactive'));
    clock.now = new Date(Date.parse(pair.accessExpiresAt));
    expect(await verify(pair.access)).toEqual(invalid('Token is expired'));
  });
});

describe('revokeTokenPair', () => {
  it('ends the pair, once, also by a spent refresh token', async () => {
    const { pair } = await makePair();
    const next = await refresh(pair.refresh);
    expect(await revoke(pair.refresh)).toEqual({ __typename: 'RevokedTokenPair', revoked: true });
    expect(await revoke(pair.refresh)).toEqual(invalid('Token is blacklisted'));
    expect(await refresh(next.refresh)).toEqual(invalid('Token is blacklisted'));
  });
});

describe('a pair among the user’s tokens', () => {
  it('is listed, marked as current, and ended like any other', async () => {
    const { pair } = await makePair();
    const { body } = await bearer(
      pair.access,
      '{ currentToken { id } tokens { edges { node { id kind isCurrent } } } }',
    );
    expect(body.data.currentToken).toBeNull();
    const [current] = body.data.tokens.edges
      .map(({ node }: { node: object }) => node)
      .filter((node: { isCurrent: boolean }) => node.isCurrent);
    expect(current).toMatchObject({ kind: 'REFRESH' });
    const rotate = await bearer(
      pair.access,
      `mutation { rotateToken(input: { id: "${current.id}" }) { __typename ... on Error { message } } }`,
    );
    expect(rotate.body.data.rotateToken).toMatchObject({ __typename: 'ValidationError' });
    const ended = await bearer(pair.access, 'mutation { revokeCurrentToken { __typename } }');
    expect(ended.body).toEqual({ data: { revokeCurrentToken: { __typename: 'RevokedToken' } } });
    expect(await refresh(pair.refresh)).toEqual(invalid('Token is blacklisted'));
  });

  it('gives tokens that it makes no longer life than its own, and none once it is ended', async () => {
    const { pair } = await makePair();
    const make = (name: string) =>
      bearer(
        pair.access,
        `mutation { createToken(input: { name: "${name}" }) { __typename ... on IssuedToken { token { expiresAt } } } }`,
      );
    expect((await make('one')).body.data.createToken).toEqual({
      __typename: 'IssuedToken',
      token: { expiresAt: pair.refreshExpiresAt },
    });
    await revoke(pair.refresh);
    const { status, body } = await make('two');
    expect({ status, code: body.errors[0].extensions.code }).toEqual({ status: 401, code: 'AUTHENTICATION_FAILED' });
  });
});
