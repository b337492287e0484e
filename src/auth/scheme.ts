import type { RequestRefused } from '../errors.ts';
import type { Promptly } from '../promptly.ts';
import type { Sender } from './sender.ts';
import type { Viewer } from './viewer.ts';

/** The ways in that AUTHENTICATION may name; each is a file in `schemes/` and a line in src/schemes.ts. */
export const SCHEME_NAMES = ['token', 'jwt', 'session', 'basic'] as const;

export type SchemeName = (typeof SCHEME_NAMES)[number];

/** Where the credentials of a request stand. */
export interface SentCredentials extends Pick<Headers, 'get'> {
  /** Whether nobody on the way has seen them: they came over TLS, or never left this machine. */
  isPrivate: boolean;
  sender: Sender;
}

/** One way in which a request can say who is calling. */
export interface Scheme {
  readonly name: SchemeName;
  /** What WWW-Authenticate names. */
  readonly challenge: string;
  /** Whether browsers send its credential by themselves: then it counts where the request names none of its own accord. */
  readonly isAmbient: boolean;
  /**
   * The credential in these headers that this scheme reads, or null when there is none for it.
   * Throws RequestRefused (AUTHENTICATION_FAILED) when it is meant for this scheme and malformed.
   */
  read(sent: SentCredentials): Credential | null;
}

export interface Credential {
  /**
   * The viewer that this credential proves; null, for an ambient one alone, when it is no good and counts as none. Or
   * the refusal, thrown or returned, which is less work: AUTHENTICATION_FAILED when it is no good, FORBIDDEN when it may
   * not be used so.
   */
  authenticate(): Promptly<Viewer | RequestRefused | null>;
}
