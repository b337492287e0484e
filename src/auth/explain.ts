import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { judge } from './authenticate.ts';
import { expiryCauseOf } from './expiry.ts';
import type { KeyFlaw } from './key.ts';
import type { Scheme } from './scheme.ts';
import {
  type HeaderFlaw,
  judgeKey,
  readTokenHeaders,
  type TokenSchemeOptions,
  type TokenViewer,
} from './schemes/token.ts';
import { type SentHeader, sentAlone } from './sent-credential.ts';

/** Why a credential is not accepted. */
export type Reason =
  | HeaderFlaw
  | KeyFlaw
  | 'unsendable'
  | 'no-scheme'
  | 'foreign-secret'
  | 'no-such-token'
  | 'expired'
  | 'lifetime-over'
  | 'idle'
  | 'superseded'
  | 'user-inactive';

/** What the server would do with a credential, and what only its own people may know of it. */
export interface Explanation {
  isAccepted: boolean;
  /** What the scheme that reads it is called; null when none does. */
  scheme: string | null;
  reason: Reason | null;
  /** What the server answers in place of data; null when it is accepted, or never gets there. */
  answer: { status: number; code: ErrorCode; message: string } | null;
  /** The place in the list of the secret that derived the key. */
  secretAt: number | null;
  /** The token that the key names, with its user; found by an id that nothing proves where `secretAt` is null. */
  found: TokenViewer | null;
}

/**
 * Whether the server would accept this header, in the words of the schemes themselves, and why not. Null stands for one
 * that no request can carry. Looks a token up once, and by an unproved id only after the verdict.
 */
export async function explainCredential(
  header: SentHeader | null,
  createSchemes: (findViewer: TokenSchemeOptions['findViewer']) => Scheme[],
  options: TokenSchemeOptions,
): Promise<Explanation> {
  const unread = { isAccepted: false, scheme: null, answer: null, secretAt: null, found: null };
  if (header === null) return { ...unread, reason: 'unsendable' };
  const lookUps = new Map<string, Promise<TokenViewer | null>>();
  // The reasons are of the same row as the verdict, whatever happens to it in between.
  const findViewer = (id: string) => {
    const lookUp = lookUps.get(id) ?? options.findViewer(id);
    lookUps.set(id, lookUp);
    return lookUp;
  };
  const sent = sentAlone(header);
  const judgement = await judge(sent, createSchemes(findViewer));
  if (judgement === null) return { ...unread, reason: 'no-scheme', answer: answerOf('UNAUTHENTICATED') };
  const answer = judgement.refusal && answerOf(judgement.refusal.code, judgement.refusal.message);
  const read = { ...unread, isAccepted: answer === null, scheme: judgement.scheme.challenge, answer };

  const reading = readTokenHeaders(sent, options);
  if (reading === null) return { ...read, reason: null };
  if (reading.flaw !== null) return { ...read, reason: reading.flaw };
  const verdict = await judgeKey(reading.key, { ...options, findViewer });
  if (verdict.isAccepted) return { ...read, reason: null, secretAt: verdict.secretAt, found: verdict.viewer };
  if (verdict.reason === 'foreign-secret') {
    return { ...read, reason: verdict.reason, found: await findViewer(verdict.unprovedId).catch(() => null) };
  }
  const found = 'viewer' in verdict ? verdict.viewer : null;
  return {
    ...read,
    reason: verdict.reason === 'expired' ? reasonOfExpiry(verdict.viewer.token, options) : verdict.reason,
    secretAt: 'secretAt' in verdict ? verdict.secretAt : null,
    found,
  };
}

function reasonOfExpiry(token: TokenViewer['token'], { lifetimes }: TokenSchemeOptions): Reason {
  const cause = expiryCauseOf(token, lifetimes);
  if (cause === 'idle') return 'idle';
  if (cause === 'lifetime') return 'lifetime-over';
  return token.supersededAt ? 'superseded' : 'expired';
}

function answerOf(code: ErrorCode, message: string = ERROR_CODES[code].message) {
  return { status: ERROR_CODES[code].status, code, message };
}
