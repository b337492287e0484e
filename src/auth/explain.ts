import { decodeJwt, decodeProtectedHeader } from 'jose';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import type { Promptly } from '../promptly.ts';
import type { AccessFlaw, SignedAccess } from './access-token.ts';
import { type Judgement, judge } from './authenticate.ts';
import { readCookie } from './cookie.ts';
import { expiryCauseOf } from './expiry.ts';
import { judgeKey, judgeSessionKey, type KeyVerdict } from './judge-key.ts';
import type { KeyFlaw } from './key.ts';
import { isRefreshShaped, verifyRefreshKey } from './refresh-key.ts';
import type { Scheme, SchemeName } from './scheme.ts';
import {
  type BearerFlaw,
  flawOfPair,
  type JwtSchemeOptions,
  judgeAccess,
  type PairFlaw,
  readBearer,
} from './schemes/jwt.ts';
import type { SessionSchemeOptions } from './schemes/session.ts';
import { type HeaderFlaw, readTokenHeaders, type TokenSchemeOptions } from './schemes/token.ts';
import { type SentHeader, sentAlone } from './sent-credential.ts';
import type { TokenViewer } from './viewer.ts';

/** Why a credential is not accepted. */
export type Reason =
  | HeaderFlaw
  | BearerFlaw
  | KeyFlaw
  | AccessFlaw
  | PairFlaw
  | 'unsendable'
  | 'no-scheme'
  | 'refresh-token'
  | 'foreign-secret'
  | 'no-such-token'
  | 'expired'
  | 'lifetime-over'
  | 'idle'
  | 'superseded'
  // Of a scheme that tells of itself no more than its answer does.
  | 'refused';

/** What the server would do with a credential, and what only its own people may know of it. */
export interface Explanation {
  isAccepted: boolean;
  /** The scheme that reads it; null when none does. */
  scheme: Pick<Scheme, 'name' | 'challenge'> | null;
  reason: Reason | null;
  /** What the server answers in place of data; null when it is accepted, or never gets there. */
  answer: { status: number; code: ErrorCode; message: string } | null;
  /** The place in the list of the secret that derived the key. */
  secretAt: number | null;
  /** The token that the key names, with its user; found by an id that nothing proves where `secretAt` is null. */
  found: TokenViewer | null;
  /** What an access token says; null for any other credential. Its pair is what is `found`. */
  access: ExplainedAccess | null;
}

interface ExplainedAccess {
  /** As it says itself, whoever has written it. */
  said: { keyId: string | null; issuer: string | null; audience: string | null };
  /** Null: no key of this server has signed it, or not this. */
  signed: SignedAccess | null;
  /** What is wrong with its pair, whether that is asked here or not; null: nothing, or nobody knows which it is. */
  pairFlaw: PairFlaw | null;
}

/** What the schemes of a server judge by. */
interface Ways {
  schemes: readonly Scheme[];
  token: TokenSchemeOptions;
  /** Null: access tokens are nothing here. */
  jwt: JwtSchemeOptions | null;
  session: SessionSchemeOptions;
}

const UNREAD = { isAccepted: false, scheme: null, answer: null, secretAt: null, found: null, access: null } as const;

/**
 * Whether the server would accept this header, in the words of the schemes themselves, and why not. Null stands for one
 * that no request can carry. Looks a token up once, and by an unproved id only after the verdict.
 */
export async function explainCredential(
  header: SentHeader | null,
  waysWith: (findViewer: TokenSchemeOptions['findViewer']) => Ways,
  findViewer: TokenSchemeOptions['findViewer'],
): Promise<Explanation> {
  if (header === null) return { ...UNREAD, reason: 'unsendable' };
  const lookUps = new Map<string, Promptly<TokenViewer | null>>();
  // The reasons are of the same row as the verdict, whatever happens to it in between.
  const ways = waysWith((id) => {
    const lookUp = lookUps.get(id) ?? findViewer(id);
    lookUps.set(id, lookUp);
    return lookUp;
  });
  const sent = sentAlone(header, ways.session.origins);
  const judgement = await judge(sent, ways.schemes);
  const refreshToken = header.value.split(' ').find(isRefreshShaped);
  if (refreshToken !== undefined && !isAccepted(judgement)) {
    return { ...explainVerdict(judgement), reason: 'refresh-token', ...(await findPair(refreshToken, ways.token)) };
  }
  if (judgement === null) {
    return { ...UNREAD, reason: 'no-scheme', answer: answerOf('UNAUTHENTICATED') };
  }
  const read = explainVerdict(judgement);
  const explainers: Partial<Record<SchemeName, () => Promise<Explanation | null>>> = {
    token: async () => {
      const reading = readTokenHeaders(sent, ways.token);
      if (reading === null) return null;
      if (reading.flaw !== null) return { ...read, reason: reading.flaw };
      return explainKey(read, await judgeKey(reading.key, ways.token), ways.token);
    },
    jwt: async () => {
      const reading = ways.jwt && readBearer(sent, ways.jwt);
      if (!ways.jwt || !reading) return null;
      return reading.flaw === null ? explainAccess(read, reading.token, ways.jwt) : { ...read, reason: reading.flaw };
    },
    session: async () => {
      const key = readCookie(sent.get('cookie'), ways.session.cookieName);
      return key === null ? null : explainKey(read, await judgeSessionKey(key, ways.session), ways.session);
    },
  };
  return (await explainers[judgement.scheme.name]?.()) ?? { ...read, reason: read.isAccepted ? null : 'refused' };
}

type ReadExplanation = Omit<Explanation, 'reason'>;

function isAccepted(judgement: Judgement | null): boolean {
  return judgement?.refusal === null && judgement.viewer !== null;
}

function explainVerdict(judgement: Judgement | null): ReadExplanation {
  if (judgement === null) return { ...UNREAD, answer: answerOf('UNAUTHENTICATED') };
  const { scheme, refusal } = judgement;
  if (refusal) return { ...UNREAD, scheme, answer: answerOf(refusal.code, refusal.message) };
  // A dead cookie counts as none.
  const answer = isAccepted(judgement) ? null : answerOf('UNAUTHENTICATED');
  return { ...UNREAD, isAccepted: answer === null, scheme, answer };
}

async function explainKey(
  read: ReadExplanation,
  verdict: KeyVerdict,
  { findViewer, lifetimes }: Pick<TokenSchemeOptions, 'findViewer' | 'lifetimes'>,
): Promise<Explanation> {
  if (verdict.isAccepted) {
    const reason = read.isAccepted ? null : 'refused';
    return { ...read, reason, secretAt: verdict.secretAt, found: verdict.viewer };
  }
  if (verdict.reason === 'foreign-secret') {
    return { ...read, reason: verdict.reason, found: await findIfThere(findViewer, verdict.unprovedId) };
  }
  return {
    ...read,
    reason: verdict.reason === 'expired' ? reasonOfExpiry(verdict.viewer.token, lifetimes) : verdict.reason,
    secretAt: 'secretAt' in verdict ? verdict.secretAt : null,
    found: 'viewer' in verdict ? verdict.viewer : null,
  };
}

async function findIfThere(findViewer: TokenSchemeOptions['findViewer'], id: string): Promise<TokenViewer | null> {
  try {
    return await findViewer(id);
  } catch {
    return null;
  }
}

async function explainAccess(read: ReadExplanation, token: string, options: JwtSchemeOptions): Promise<Explanation> {
  const judgement = await judgeAccess(token, options);
  const { signed } = judgement;
  const said = saidBy(token);
  const reason = judgement.isAccepted ? null : judgement.reason;
  if (signed === null) return { ...read, reason, access: { said, signed, pairFlaw: null } };
  const pair = await options.findViewer(signed.claims.pairId);
  const pairFlaw = flawOfPair(pair, signed, options);
  // A row of another kind, or another's, is nobody's pair.
  const found = pairFlaw === 'pair-ended' ? null : pair;
  return { ...read, reason, found, access: { said, signed, pairFlaw } };
}

/** The pair of a refresh token that this server has given out. */
async function findPair(
  refreshToken: string,
  { secrets, findViewer }: TokenSchemeOptions,
): Promise<Partial<Explanation>> {
  const place = verifyRefreshKey(refreshToken, secrets);
  const found = place && (await findViewer(place.pairId));
  return { found: found?.token.kind === 'REFRESH' ? found : null };
}

function saidBy(token: string): ExplainedAccess['said'] {
  try {
    const { kid = null } = decodeProtectedHeader(token);
    const { iss = null, aud = null } = decodeJwt(token);
    return { keyId: kid, issuer: iss, audience: aud === null ? null : [aud].flat().join(' ') };
  } catch {
    return { keyId: null, issuer: null, audience: null };
  }
}

function reasonOfExpiry(token: TokenViewer['token'], lifetimes: TokenSchemeOptions['lifetimes']): Reason {
  const cause = expiryCauseOf(token, lifetimes);
  if (cause === 'idle') return 'idle';
  if (cause === 'lifetime') return 'lifetime-over';
  return token.supersededAt ? 'superseded' : 'expired';
}

function answerOf(code: ErrorCode, message: string = ERROR_CODES[code].message) {
  return { status: ERROR_CODES[code].status, code, message };
}
