import { isExpired, type TokenLifetimes } from './expiry.ts';
import { type KeyFlaw, type KeyUse, readKey, SESSION_USE, TOKEN_USE, type TokenSecrets } from './key.ts';
import type { TokenViewer, ViewerToken } from './viewer.ts';

export interface JudgeKeyOptions {
  secrets: TokenSecrets;
  /** The token of this id with its user, or null when there is none; one query at most. */
  findViewer(tokenId: string): Promise<TokenViewer | null>;
  lifetimes: TokenLifetimes;
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
export function judgeKey(key: string, options: JudgeKeyOptions): Promise<KeyVerdict> {
  return judge(key, options, { use: TOKEN_USE, isOfKind: isKeyed });
}

/** As judgeKey, of what a browser's cookie holds. */
export function judgeSessionKey(key: string, options: JudgeKeyOptions): Promise<KeyVerdict> {
  return judge(key, options, { use: SESSION_USE, isOfKind: ({ kind }) => kind === 'SESSION' });
}

/** Whether clients come in by the key of such a token; sessions and pairs have keys of their own making. */
export function isKeyed({ kind }: Pick<ViewerToken, 'kind'>): boolean {
  return kind === 'LOGIN' || kind === 'API';
}

async function judge(
  key: string,
  { secrets, findViewer, lifetimes, now }: JudgeKeyOptions,
  { use, isOfKind }: { use: KeyUse; isOfKind(token: ViewerToken): boolean },
): Promise<KeyVerdict> {
  const reading = readKey(key, secrets, use);
  if (reading.flaw !== null) return { isAccepted: false, reason: reading.flaw };
  const { id, secretAt } = reading;
  if (secretAt === null) return { isAccepted: false, reason: 'foreign-secret', unprovedId: id };
  const viewer = await findViewer(id);
  // A row of another kind has keys of another making: under this one it is nobody's.
  if (!viewer || !isOfKind(viewer.token)) return { isAccepted: false, reason: 'no-such-token', tokenId: id, secretAt };
  if (isExpired(viewer.token, lifetimes, now())) return { isAccepted: false, reason: 'expired', viewer, secretAt };
  if (!viewer.user.isActive) return { isAccepted: false, reason: 'user-inactive', viewer, secretAt };
  return { isAccepted: true, viewer, secretAt };
}
