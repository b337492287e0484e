import { InvalidCredentialsError, InvalidTokenError, ValidationError } from '../accounts/failures.ts';
import { passwordProofSchema } from '../accounts/password-proof.ts';
import { type OpenPair, obtainTokenPair, refreshTokenPair, revokeTokenPair } from '../accounts/token-pairs.ts';
import { refreshKeyOf } from '../auth/refresh-key.ts';
import { builder } from './builder.ts';
import { type Context, callerOf, originOf } from './context.ts';
import { passwordFields } from './password-fields.ts';
import { wayIn } from './rules.ts';
import { requireWayIn } from './ways-in.ts';

interface IssuedPair {
  access: string;
  refresh: string;
  accessExpiresAt: Date;
  refreshExpiresAt: Date;
}

const TokenPair = builder.objectRef<IssuedPair>('TokenPair').implement({
  description: 'An access token to send, and a refresh token to get the next pair by.',
  fields: (t) => ({
    access: t.exposeString('access', { description: 'What to send: `Authorization: Bearer <access>`.' }),
    refresh: t.exposeString('refresh', {
      description: 'What to get the next pair by, once. Sent again later, it ends the pair for everybody.',
    }),
    accessExpiresAt: t.expose('accessExpiresAt', {
      type: 'DateTime',
      description: 'The instant from which the access token is refused.',
    }),
    refreshExpiresAt: t.expose('refreshExpiresAt', {
      type: 'DateTime',
      description: 'The instant from which the refresh token is refused.',
    }),
  }),
});

const RevokedTokenPair = builder.objectRef<{ revoked: boolean }>('RevokedTokenPair').implement({
  description: 'What is left of a pair that was revoked.',
  fields: (t) => ({
    revoked: t.exposeBoolean('revoked', { description: 'Always true: it was this call that ended it.' }),
  }),
});

const ObtainTokenPairInput = builder
  .inputType('ObtainTokenPairInput', {
    description: 'Who asks for a pair.',
    fields: passwordFields,
  })
  .validate(passwordProofSchema);

const ObtainTokenPairResult = builder.errorUnion('ObtainTokenPairResult', {
  description: 'A pair, or why there is none.',
  types: [TokenPair, InvalidCredentialsError, ValidationError],
  resolveType: () => 'TokenPair',
});

const RefreshTokenPairResult = builder.errorUnion('RefreshTokenPairResult', {
  description: 'The next pair, or why there is none.',
  types: [TokenPair, InvalidTokenError],
  resolveType: () => 'TokenPair',
});

const RevokeTokenPairResult = builder.errorUnion('RevokeTokenPairResult', {
  description: 'That the pair was revoked, or why not.',
  types: [RevokedTokenPair, InvalidTokenError],
  resolveType: () => 'RevokedTokenPair',
});

builder.mutationFields((t) => ({
  obtainTokenPair: t.field({
    ...wayIn,
    type: ObtainTokenPairResult,
    description: 'Log in for a pair: an access token, good for minutes, and a refresh token. Each login makes another.',
    args: { input: t.arg({ type: ObtainTokenPairInput, required: true, description: 'Who asks.' }) },
    resolve: async (_root, { input }, context) => {
      requireWayIn(context, 'jwt');
      const { tokenRules: rules, now } = context;
      const issue = await issuerIn(context);
      return issue(await obtainTokenPair(context, input, { caller: callerOf(context), rules, now: now() }));
    },
  }),
  refreshTokenPair: t.field({
    ...wayIn,
    type: RefreshTokenPairResult,
    description:
      'The next pair. The refresh token is spent by it: one that comes again ends the pair, except from a client that ' +
      'asks within 10 seconds and has not used the answer, which gets the same refresh token again.',
    args: { refresh: t.arg.string({ required: true, description: 'The refresh token of the pair.' }) },
    resolve: async (_root, { refresh }, context) => {
      requireWayIn(context, 'jwt');
      const issue = await issuerIn(context);
      return issue(await refreshTokenPair(context.database, refresh, spendingIn(context)));
    },
  }),
  revokeTokenPair: t.field({
    ...wayIn,
    type: RevokeTokenPairResult,
    description:
      'Log out: end the pair of this refresh token. Its access token is good until it expires, minutes later.',
    args: { refresh: t.arg.string({ required: true, description: 'The refresh token of the pair.' }) },
    resolve: async (_root, { refresh }, context) => {
      requireWayIn(context, 'jwt');
      await revokeTokenPair(context.database, refresh, spendingIn(context));
      return { revoked: true };
    },
  }),
}));

function spendingIn(context: Context) {
  const { tokenSecrets, tokenRules, now, log } = context;
  return {
    origin: originOf(context),
    secrets: tokenSecrets,
    rules: tokenRules,
    now: now(),
    note(use: 'retried' | 'reused', pairId: string): void {
      if (use === 'reused') log.warn({ pairId }, 'a spent refresh token came again: its pair is revoked');
      else log.info({ pairId }, 'a refresh was asked for again, and answered alike');
    },
  };
}

/** Made before a password is checked or a refresh token spent: without a key to sign with, nothing is. */
async function issuerIn({
  accessTokens,
  tokenSecrets,
  now,
}: Context): Promise<(open: OpenPair) => Promise<IssuedPair>> {
  if (!accessTokens) throw new Error('Pairs are on, and there is nothing that access tokens are signed with.');
  const issue = await accessTokens.prepare(now());
  return async ({ user, pair }) => {
    if (!pair.expiresAt) throw new Error('A pair was made without an end.');
    const { id, username, isStaff, isSuperuser } = user;
    const claims = { userId: id, pairId: pair.id, username, isStaff, isSuperuser, scopes: pair.scopes };
    const { token, expiresAt } = await issue(claims);
    return {
      access: token,
      refresh: refreshKeyOf({ pairId: pair.id, refreshCount: pair.refreshCount }, tokenSecrets),
      accessExpiresAt: expiresAt,
      refreshExpiresAt: pair.expiresAt,
    };
  };
}
