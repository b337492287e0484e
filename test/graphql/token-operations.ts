import { expect } from 'vitest';
import { keyOf } from '../../src/auth/key.ts';
import type { Prisma } from '../../src/database/generated/prisma/client.ts';
import { type openWorld, PASSWORD } from '../world.ts';

const ISSUED =
  '... on IssuedToken { key token { id name kind scopes createdAt expiresAt lastUsedAt isCurrent } } ... on Error { message }';
const LACKING = '... on ScopeNotGrantedError { scopes }';
const INVALID = '... on ValidationError { fields { path message } }';

const CREATE = `mutation Create($input: CreateTokenInput!) {
  createToken(input: $input) { __typename ${ISSUED} ${LACKING} ${INVALID} }
}`;
const ROTATE = `mutation Rotate($input: RotateTokenInput!) {
  rotateToken(input: $input) { __typename ${ISSUED} ${LACKING} ${INVALID} }
}`;
const LOGIN = `mutation Login($input: ObtainAuthTokenInput!) {
  obtainAuthToken(input: $input) { __typename ${ISSUED} ${INVALID} }
}`;

type World = Awaited<ReturnType<typeof openWorld>>;

/** What is done with tokens over and over again, through the endpoint, and what comes of it. */
export function tokenOperations({ database, request, tokenSecrets, clock, endpoint }: World) {
  /** What the one field of the mutation came to; the whole body where there is no data. */
  async function askFor(query: string, input: object, key?: string, to = endpoint) {
    const { body } = await request(query, { variables: { input }, ...(key && { key }) }, to);
    // biome-ignore lint/suspicious/noExplicitAny: a reply is compared with what is expected of it, whole.
    return body.data ? Object.values<any>(body.data)[0] : body;
  }

  return {
    create: (key: string, input: object, to = endpoint) => askFor(CREATE, input, key, to),
    rotate: (key: string, input: object, to = endpoint) => askFor(ROTATE, input, key, to),
    logIn: (username: string, name?: string, to = endpoint) =>
      askFor(LOGIN, { username, password: PASSWORD, name }, undefined, to),
    async revokeAll(key: string, keepCurrent?: boolean | null) {
      const query = 'mutation ($keepCurrent: Boolean) { revokeAllTokens(keepCurrent: $keepCurrent) { count } }';
      return (await request(query, { key, variables: { keepCurrent } })).body;
    },
    async isAccepted(key: string, to = endpoint): Promise<boolean> {
      return (await request('{ currentToken { id } }', { key }, to)).status === 200;
    },
    /** A token as no mutation would make it, and its key. */
    async plant(userId: string, fields: Partial<Prisma.TokenUncheckedCreateInput> = {}) {
      const token = await database.token.create({
        data: { userId, kind: 'API', name: 'planted', createdAt: clock.now, ...fields },
      });
      return { token, id: btoa(`Token:${token.id}`), key: keyOf(token, tokenSecrets) };
    },
    /** A token just made, with its key, as these operations are answered; what is not said is as it is by default. */
    issued: (token: object) => ({
      __typename: 'IssuedToken',
      key: expect.stringMatching(/^tsr_[\w-]{43}$/),
      token: {
        id: expect.any(String),
        kind: 'API',
        scopes: ['*'],
        createdAt: clock.now.toISOString(),
        expiresAt: null,
        lastUsedAt: null,
        isCurrent: false,
        ...token,
      },
    }),
    /** The instant so many seconds from the world's now, as the API writes it. */
    inSeconds: (seconds: number) => new Date(clock.now.getTime() + seconds * 1000).toISOString(),
    pass(seconds: number): void {
      clock.now = new Date(clock.now.getTime() + seconds * 1000);
    },
  };
}
