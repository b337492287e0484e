import { type Promptly, whenThere } from '../promptly.ts';
import { isExpired, type TokenLifetimes } from './expiry.ts';
import {
  isKeyShaped,
  type KeyFlaw,
  type KeyReading,
  type KeyUse,
  readKey,
  SESSION_USE,
  TOKEN_USE,
  type TokenSecrets,
} from './key.ts';
import type { TokenViewer, ViewerToken } from './viewer.ts';

export interface JudgeKeyOptions {
  secrets: TokenSecrets;
  /** The token of this id with its user, or null when there is none; one query at most. */
  findViewer(tokenId: string): Promptly<TokenViewer | null>;
  lifetimes: TokenLifetimes;
  /** What keys that were proved before were read as, as many as whoever makes it keeps; left out, each is proved anew. */
  proved?: { get(key: string): KeyReading | undefined; set(key: string, reading: KeyReading): unknown } | undefined;
  now(): Date;
}

/** What a key is worth now, and all that was learned on the way. Only the server's own people may see it. */
export type KeyVerdict =
  | { isAccepted: true; viewer: TokenViewer; secretAt: number }
  | { isAccepted: false; reason: KeyFlaw }
  | { isAccepted: false; reason: 'foreign-secret'; unprovedId: string }
  | { isAccepted: false; reason: 'no-such-token'; tokenId: string; secretAt: number }
  | { isAccepted: false; reason: 'expired' | 'user-inactive'; viewer: TokenViewer; secretAt: number };

/** A token of ours whose key was refused. */
export interface RefusedToken {
  id: string;
  /** Null where it has no row any more. */
  userId: string | null;
}

/** Which token of ours it was that was refused; null: none that is proved to be ours. */
export function refusedToken(verdict: KeyVerdict): RefusedToken | null {
  if (verdict.isAccepted) return null;
  if ('viewer' in verdict) return { id: verdict.viewer.token.id, userId: verdict.viewer.user.id };
  return 'tokenId' in verdict ? { id: verdict.tokenId, userId: null } : null;
}

/** What this key of a token is worth now; a key that arithmetic refuses never reaches `findViewer`. */
export function judgeKey(key: string, options: JudgeKeyOptions): Promptly<KeyVerdict> {
  return judge(key, options, OF_TOKEN);
}

/** As judgeKey, of what a browser's cookie holds. */
export function judgeSessionKey(key: string, options: JudgeKeyOptions): Promptly<KeyVerdict> {
  return judge(key, options, OF_SESSION);
}

/** Whether clients come in by the key of such a token; sessions and pairs have keys of their own making. */
export function isKeyed({ kind }: Pick<ViewerToken, 'kind'>): boolean {
  return kind === 'LOGIN' || kind === 'API';
}

interface KeyKind {
  use: KeyUse;
  isOfKind(token: ViewerToken): boolean;
}

const OF_TOKEN: KeyKind = { use: TOKEN_USE, isOfKind: isKeyed };
const OF_SESSION: KeyKind = { use: SESSION_USE, isOfKind: ({ kind }) => kind === 'SESSION' };

function judge(key: string, options: JudgeKeyOptions, kind: KeyKind): Promptly<KeyVerdict> {
  const { secrets, findViewer, proved } = options;
  // One that was proved for another use proves nothing for this.
  const known = isKeyShaped(key, kind.use) ? proved?.get(key) : undefined;
  const reading = known ?? prove(key, secrets, kind.use, proved);
  if (reading.flaw !== null) return { isAccepted: false, reason: reading.flaw };
  const { id, secretAt } = reading;
  if (secretAt === null) return { isAccepted: false, reason: 'foreign-secret', unprovedId: id };
  return whenThere(findViewer(id), (viewer) => judgeViewer(viewer, { tokenId: id, secretAt }, options, kind));
}

function judgeViewer(
  viewer: TokenViewer | null,
  { tokenId, secretAt }: { tokenId: string; secretAt: number },
  { lifetimes, now }: JudgeKeyOptions,
  { isOfKind }: KeyKind,
): KeyVerdict {
  // A row of another kind has keys of another making: under this one it is nobody's.
  if (!viewer || !isOfKind(viewer.token)) return { isAccepted: false, reason: 'no-such-token', tokenId, secretAt };
  if (isExpired(viewer.token, lifetimes, now())) return { isAccepted: false, reason: 'expired', viewer, secretAt };
  if (!viewer.user.isActive) return { isAccepted: false, reason: 'user-inactive', viewer, secretAt };
  return { isAccepted: true, viewer, secretAt };
}

/** What is forged is never kept: of that there is no end. That a key is found says nothing of another that is like it. */
function prove(key: string, secrets: TokenSecrets, use: KeyUse, proved: JudgeKeyOptions['proved']): KeyReading {
  const reading = readKey(key, secrets, use);
  if (reading.flaw === null && reading.secretAt !== null) proved?.set(key, reading);
  return reading;
}
