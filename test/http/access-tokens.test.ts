import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { base64url, CompactSign, decodeJwt, exportSPKI, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { setActive } from '../../src/accounts/users.ts';
import { readSigningKey } from '../../src/auth/signing-keys.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request, clock } = world;
const strict = world.endpointWith({ JWT_CHECK: 'strict', REGISTRATION: 'open' });

const ME = '{ me { username } }';
const NOT_VALID = 'Given token not valid for any token type';

const { user } = await makeUser('ada');
const keys = world.signingKeys;
if (!keys) throw new Error('This server has no signing keys.');
const signer = await keys.signer(clock.now);
const { body: obtained } = await request(
  `mutation { obtainTokenPair(input: { username: "ada", password: "${PASSWORD}" }) { ... on TokenPair { access refresh } } }`,
);
const { access, refresh } = obtained.data.obtainTokenPair;
const claims = decodeJwt(access);
const HEADER = { alg: 'EdDSA', typ: 'at+jwt', kid: signer.id };

function sign(
  payload: JWTPayload = claims,
  header: object = HEADER,
  key: unknown = signer.privateKey,
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader(header as never).sign(key as never);
}

function bearer(token: string, document = ME, to = world.endpoint) {
  return request(document, { headers: { authorization: `Bearer ${token}` } }, to);
}

async function outcome(token: string, to = world.endpoint) {
  world.queries.length = 0;
  const { status, body, headers } = await bearer(token, ME, to);
  const { message, extensions } = body.errors?.[0] ?? {};
  return {
    status,
    message,
    code: extensions?.code,
    challenge: headers.get('www-authenticate'),
    queries: world.queries.length,
  };
}

function refusedFor(description: string, message = NOT_VALID, queries = 0) {
  return {
    status: 401,
    message,
    code: 'AUTHENTICATION_FAILED',
    challenge: `Bearer error="invalid_token", error_description="${description}"`,
    queries,
  };
}

const REFUSED = refusedFor('Token is invalid');

describe('an access token', () => {
  it('says who is calling, and no query is made for it', async () => {
    world.queries.length = 0;
    expect((await bearer(access, '{ me { id username isStaff isSuperuser } }')).body).toEqual({
      data: { me: { id: btoa(`User:${user.id}`), username: 'ada', isStaff: false, isSuperuser: false } },
    });
    expect(world.queries).toEqual([]);
  });

  it('leaves what it does not say to one look-up, which is never stale', async () => {
    await database.user.update({ where: { id: user.id }, data: { email: 'new@example.org' } });
    world.queries.length = 0;
    expect((await bearer(access, '{ me { email isActive dateJoined lastLogin } }')).body).toEqual({
      data: {
        me: {
          email: 'new@example.org',
          isActive: true,
          dateJoined: user.dateJoined.toISOString(),
          lastLogin: expect.any(String),
        },
      },
    });
    expect(world.queries).toHaveLength(1);
  });

  it('is refused when its user is gone, as soon as he is asked about', async () => {
    const { user: gone } = await makeUser();
    const token = await sign({ ...claims, sub: btoa(`User:${gone.id}`) });
    await database.user.delete({ where: { id: gone.id } });
    const { status, body } = await bearer(token, '{ me { dateJoined } }');
    expect({ status, message: body.errors[0].message }).toEqual({ status: 401, message: 'User not found' });
  });

  it('does what its scopes allow, and no more', async () => {
    const narrow = await sign({ ...claims, scope: 'tokens:read' });
    expect((await bearer(narrow, '{ tokens { totalCount } }')).status).toBe(200);
    expect((await bearer(narrow)).body.errors[0].extensions).toEqual({
      code: 'FORBIDDEN',
      requiredScopes: [['account:read']],
    });
    expect((await bearer(await sign({ ...claims, scope: '' }))).status).toBe(403);
  });

  it('comes in any case of the word and over any white space', async () => {
    for (const header of [`bearer ${access}`, `BEARER \t ${access} `]) {
      expect((await request(ME, { headers: { authorization: header } })).status).toBe(200);
    }
  });

  it.each([
    ['Bearer', 'Authorization header must contain two space-delimited values'],
    ['Bearer a b', 'Authorization header must contain two space-delimited values'],
    ['Bearer abcd1234', NOT_VALID],
    [`Bearer ${refresh}`, NOT_VALID],
    [`Bearer ${refresh.replace('tsrr_', 'tsrs_')}`, NOT_VALID],
  ])('is not what %s is', async (authorization, message) => {
    const { status, body } = await request(ME, { headers: { authorization } });
    expect({ status, message: body.errors[0].message }).toEqual({ status: 401, message });
  });

  it('is refused beside another credential', async () => {
    const { key } = await makeUser();
    const { status, body } = await request(ME, { headers: { authorization: `Bearer ${access}`, token: key } });
    expect({ status, message: body.errors[0].message }).toEqual({
      status: 401,
      message: 'Two credentials were sent. Send the Authorization or the Token header, not both.',
    });
  });

  it('goes to its own scheme also where the keyword of keys is Bearer', async () => {
    const { key } = await makeUser();
    const to = world.endpointWith({ TOKEN_KEYWORD: 'Bearer' });
    expect((await bearer(access, ME, to)).status).toBe(200);
    expect((await bearer(key, ME, to)).status).toBe(200);
    expect((await bearer('abcd', ME, to)).body.errors[0].message).toBe('Invalid token.');
  });

  it('is the challenge where it is the first way in', async () => {
    const { headers } = await request(ME, {}, world.endpointWith({ AUTHENTICATION: 'jwt,token' }));
    expect(headers.get('www-authenticate')).toBe('Bearer realm="api"');
  });
});

// RFC 8725, JSON Web Token Best Current Practices, and what else is tried on those who verify tokens.
describe('refused without a look at its user', async () => {
  const now = Math.floor(clock.now.getTime() / 1_000);
  const spki = await exportSPKI(signer.publicKey);
  const foreign = generateKeyPairSync('ed25519').privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [head = '', payload = '', signature = ''] = access.split('.');
  const rawHeader = (header: object, rest = `${payload}.${signature}`) =>
    `${base64url.encode(JSON.stringify(header))}.${rest}`;
  const without = (claim: string) =>
    sign(Object.fromEntries(Object.entries(claims).filter(([name]) => name !== claim)));
  const hmac = (secret: Uint8Array) => sign(claims, { ...HEADER, alg: 'HS256' }, secret);
  const embedded = {
    jwk: (await readSigningKey(ec.publicKey.export({ type: 'spki', format: 'pem' }) as string, 'ec')).publicJwk,
  };

  const CASES: Record<string, string | Promise<string>> = {
    'alg none': new UnsecuredJWT(claims).encode(),
    'alg none, with the key’s id': `${rawHeader({ ...HEADER, alg: 'none' }, payload)}.`,
    'alg NONE': `${rawHeader({ ...HEADER, alg: 'NONE' }, payload)}.`,
    'alg none, with a signature': rawHeader({ ...HEADER, alg: 'none' }),
    'HS256 under the public key as PEM': hmac(new TextEncoder().encode(spki)),
    'HS256 under the public key as JWK': hmac(new TextEncoder().encode(JSON.stringify(signer.publicJwk))),
    'HS256 under the public key’s bytes': hmac(base64url.decode(signer.publicJwk.x ?? '')),
    'another algorithm than the key’s': sign(claims, { ...HEADER, alg: 'ES256' }, ec.privateKey),
    'no kid': sign(claims, { alg: 'EdDSA', typ: 'at+jwt' }),
    'an unknown kid': sign(claims, { ...HEADER, kid: 'another' }, foreign),
    'a kid that is a path': sign(claims, { ...HEADER, kid: '../../dev/null' }, foreign),
    'a kid that is SQL': sign(claims, { ...HEADER, kid: "' OR 1=1 --" }, foreign),
    'a kid without an end': rawHeader({ ...HEADER, kid: 'k'.repeat(3_000) }),
    'the kid of our key, signed by another': sign(claims, HEADER, foreign),
    'a key in its own header': sign(claims, { ...HEADER, alg: 'ES256', ...embedded }, ec.privateKey),
    'the address of a key': sign(claims, { ...HEADER, jku: 'http://127.0.0.1:1/' }, foreign),
    'a critical header that nobody knows': rawHeader({ ...HEADER, crit: ['exp'], exp: 1 }),
    'b64 false': new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ ...HEADER, b64: true, crit: ['b64'] } as never)
      .sign(signer.privateKey)
      .then((token) =>
        token.replace(/^[^.]+/, base64url.encode(JSON.stringify({ ...HEADER, b64: false, crit: ['b64'] }))),
      ),
    'the type of any JWT': sign(claims, { ...HEADER, typ: 'JWT' }),
    'no type': sign(claims, { alg: 'EdDSA', kid: signer.id }),
    'not yet valid': sign({ ...claims, nbf: now + 60 }),
    'a foreign issuer': sign({ ...claims, iss: 'https://evil.test' }),
    'no issuer': without('iss'),
    'a foreign audience': sign({ ...claims, aud: 'https://other.test' }),
    'foreign audiences': sign({ ...claims, aud: ['https://other.test', 'https://third.test'] }),
    'no audience': without('aud'),
    'no subject': without('sub'),
    'no pair': without('sid'),
    'no id': without('jti'),
    'no beginning': without('iat'),
    'no end': without('exp'),
    'no scope': without('scope'),
    'an end that is text': sign({ ...claims, exp: '9999999999' as never }),
    'scopes that are a list': sign({ ...claims, scope: ['*'] }),
    'a subject of another type': sign({ ...claims, sub: btoa(`Token:${user.id}`) }),
    'a subject that is a bare id': sign({ ...claims, sub: user.id }),
    'a standing that is text': sign({ ...claims, is_staff: 'true' }),
    'another payload': `${head}.${base64url.encode(JSON.stringify({ ...claims, is_staff: true }))}.${signature}`,
    'another signature': `${head}.${payload}.${signature.slice(0, -3)}AAA`,
    'half a signature': `${head}.${payload}.${signature.slice(0, 40)}`,
    'no signature': `${head}.${payload}.`,
    'two parts': `${head}.${payload}`,
    'five parts, as of an encrypted one': `${access}.${head}.${payload}`,
    'a JWT in a JWT': sign({ ...claims, sub: access }),
    'a text without an end': `${head}.${'a'.repeat(9_000)}.${signature}`,
    'a padded signature': `${access}==`,
  };

  it.each(Object.entries(CASES))('%s', async (name, token) => {
    for (const to of [world.endpoint, strict]) {
      const reply = await outcome(await token, to);
      expect({ ...reply, queries: 0 }).toEqual(REFUSED);
      // Once a second the keys are read anew for an id that is not known.
      expect(reply.queries).toBeLessThanOrEqual(/kid|none/.test(name) ? 1 : 0);
    }
  });

  it('whatever is made of a good one', async () => {
    const mutated = fc
      .tuple(fc.nat({ max: access.length - 1 }), fc.stringMatching(/^[\w.-]{0,2}$/))
      .map(([at, piece]) => access.slice(0, at) + piece + access.slice(at + 1))
      .filter((token) => token !== access);
    await fc.assert(
      fc.asyncProperty(mutated, async (token) => {
        const reply = await outcome(token);
        expect(reply.status).toBe(401);
        expect(reply.queries).toBeLessThanOrEqual(1);
      }),
      { numRuns: 150 },
    );
  });

  it('at its very end, which it says so that a client refreshes', async () => {
    const before = clock.now;
    try {
      clock.now = new Date((claims.exp ?? 0) * 1_000 - 1);
      expect(await outcome(access)).toMatchObject({ status: 200 });
      clock.now = new Date((claims.exp ?? 0) * 1_000);
      expect(await outcome(access)).toEqual(refusedFor('Token is expired'));
    } finally {
      clock.now = before;
    }
  });
});

describe('what outlasts an access token', () => {
  const closed = world.endpointWith({ REGISTRATION: 'closed' });
  const makeUserBy = (token: string) =>
    bearer(
      token,
      `mutation { createUser(input: { username: "made", password: "${PASSWORD}" }) { __typename } }`,
      closed,
    );

  async function accessOf(username: string): Promise<string> {
    const { body } = await request(
      `mutation { obtainTokenPair(input: { username: "${username}", password: "${PASSWORD}" }) { ... on TokenPair { access } } }`,
    );
    return body.data.obtainTokenPair.access;
  }

  it.each([{ isStaff: false }, { isActive: false }])(
    'no user is made by staff who are so no more: %j',
    async (change) => {
      const { user: staff } = await makeUser(undefined, { isStaff: true });
      const token = await accessOf(staff.username);
      await database.user.update({ where: { id: staff.id }, data: change });
      const { status, body } = await makeUserBy(token);
      expect([status, body.errors[0].extensions.code]).toEqual([403, 'FORBIDDEN']);
    },
  );

  it('a user is made by those who are staff still', async () => {
    const { user: staff } = await makeUser(undefined, { isStaff: true });
    const { body } = await makeUserBy(await accessOf(staff.username));
    expect(body.data.createUser.__typename).toBe('CreatedUser');
  });

  it('no token is made by a user who is kept out', async () => {
    const { user: gone } = await makeUser();
    const token = await accessOf(gone.username);
    await setActive(database, { userId: gone.id, isActive: false }, NOBODY);
    const { status, body } = await bearer(token, 'mutation { createToken(input: { name: "x" }) { __typename } }');
    expect([status, body.errors[0].message]).toEqual([401, 'User inactive or deleted.']);
  });
});

describe('JWT_CHECK', () => {
  const VERIFIED = { status: 200, message: undefined, code: undefined, challenge: null };

  async function pairOf(username: string) {
    const { body } = await request(
      `mutation { obtainTokenPair(input: { username: "${username}", password: "${PASSWORD}" }) { ... on TokenPair { access refresh } } }`,
    );
    return body.data.obtainTokenPair;
  }

  it('strict: one query for the first use, none for the next', async () => {
    const { user: other } = await makeUser();
    const pair = await pairOf(other.username);
    expect(await outcome(pair.access, strict)).toEqual({ ...VERIFIED, queries: 1 });
    expect(await outcome(pair.access, strict)).toEqual({ ...VERIFIED, queries: 0 });
  });

  it('strict: a pair is good for its own user, for its own time, and noted as used', async () => {
    const { user: other } = await makeUser();
    const pair = await pairOf(other.username);
    const ofAda = await sign({ ...decodeJwt(pair.access), sub: claims.sub ?? '' });
    expect(await outcome(ofAda, strict)).toEqual(refusedFor('Token is invalid', NOT_VALID, 1));
    expect(await outcome(pair.access, strict)).toMatchObject(VERIFIED);
    await world.lastUsed.write();
    const row = await database.token.findFirstOrThrow({ where: { userId: other.id, kind: 'REFRESH' } });
    expect(row.lastUsedAt).toEqual(clock.now);
    await database.token.update({ where: { id: row.id }, data: { expiresAt: clock.now } });
    await world.changes.settle();
    expect(await outcome(pair.access, strict)).toMatchObject({ status: 401, message: NOT_VALID });
    expect(await outcome(pair.access)).toMatchObject(VERIFIED);
  });

  it('signature: an access token outlives its pair and its user’s standing; strict: it does not', async () => {
    const { user: other } = await makeUser();
    const pair = await pairOf(other.username);
    await setActive(database, { userId: other.id, isActive: false }, NOBODY);
    await world.changes.settle();
    expect(await outcome(pair.access)).toEqual({ ...VERIFIED, queries: 0 });
    expect(await outcome(pair.access, strict)).toMatchObject(refusedFor('User is inactive', 'User is inactive', 1));
    await setActive(database, { userId: other.id, isActive: true }, NOBODY);
    await world.changes.settle();
    expect(await outcome(pair.access, strict)).toMatchObject({ status: 200 });
    await request('mutation R($r: String!) { revokeTokenPair(refresh: $r) { __typename } }', {
      variables: { r: pair.refresh },
    });
    expect(await outcome(pair.access)).toEqual({ ...VERIFIED, queries: 0 });
    expect(await outcome(pair.access, strict)).toMatchObject({ status: 401, message: NOT_VALID });
  });
});
