import { expect, it, onTestFinished } from 'vitest';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { ask } from './fetch.ts';
import {
  LogInDocument,
  LogOutElsewhereDocument,
  MakeTokenDocument,
  MeDocument,
  RevokeTokenDocument,
  RotateTokenDocument,
} from './generated/graphql.ts';
import { finishLogIn } from './log-in.ts';
import type { Session } from './session.ts';
import { readIssued } from './tokens.ts';

it('makes, rotates and revokes tokens as the guide does', async () => {
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
  await tessera(['user', 'create', 'ada', '--password-stdin'], env, `${PASSWORD}\n`);
  const { url } = await startServer(env);
  const session: Session = { key: null };
  finishLogIn(session, await ask(url, session, LogInDocument, { username: 'ada', password: PASSWORD }));

  async function nameBehind(key: string): Promise<string | undefined> {
    const { currentToken } = await ask(url, { key }, MeDocument, {});
    return currentToken?.name;
  }
  const wanted = { name: 'ci', scopes: ['account:read', 'tokens:write'], expiresAt: '2099-01-31T12:00:00Z' };

  const { createToken: made } = await ask(url, session, MakeTokenDocument, wanted);
  if (made.__typename !== 'IssuedToken') throw new Error(made.message);
  expect(readIssued(made)).toEqual({ key: made.key });
  expect(await nameBehind(made.key)).toBe('ci');

  const again = await ask(url, session, MakeTokenDocument, wanted);
  expect(readIssued(again.createToken)).toEqual({ problems: ['This name is taken. Choose another.'] });
  const late = { ...wanted, name: 'late', expiresAt: '2020-01-31T12:00:00Z' };
  const past = await ask(url, session, MakeTokenDocument, late);
  expect(readIssued(past.createToken)).toEqual({ problems: ['expiresAt: This must be in the future.'] });
  const more = await ask(url, { key: made.key }, MakeTokenDocument, { ...wanted, name: 'more', scopes: ['*'] });
  const ungranted =
    'Your token cannot give what it may not do itself: *. Name scopes that it has, or use a token that has these.';
  expect(readIssued(more.createToken)).toEqual({ problems: [ungranted] });

  const { rotateToken: rotated } = await ask(url, session, RotateTokenDocument, {
    id: made.token.id,
    overlapSeconds: 3_600,
  });
  if (rotated.__typename !== 'IssuedToken') throw new Error(rotated.message);
  expect([await nameBehind(made.key), await nameBehind(rotated.key)]).toEqual(['ci', 'ci']);

  const { revokeToken } = await ask(url, session, RevokeTokenDocument, { id: made.token.id });
  expect(revokeToken).toEqual({ __typename: 'RevokedToken' });
  await expect(nameBehind(made.key)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });

  // The rotated token, and the one made with the user.
  expect(await ask(url, session, LogOutElsewhereDocument, {})).toEqual({ revokeAllTokens: { count: 2 } });
  await expect(nameBehind(rotated.key)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  expect(await nameBehind(session.key ?? '')).toBe('web');
});
