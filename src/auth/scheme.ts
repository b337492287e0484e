import type { Viewer } from './viewer.ts';

/** Where the credentials of a request stand. */
export type CredentialHeaders = Pick<Headers, 'get'>;

/** One way in which a request can say who is calling. */
export interface Scheme {
  /** What WWW-Authenticate names. */
  readonly challenge: string;
  /**
   * The credential in these headers that this scheme reads, or null when there is none for it.
   * Throws RequestRefused (AUTHENTICATION_FAILED) when it is meant for this scheme and malformed.
   */
  read(headers: CredentialHeaders): Credential | null;
}

export interface Credential {
  /** The viewer that this credential proves. Throws RequestRefused (AUTHENTICATION_FAILED) when it is no good. */
  authenticate(): Promise<Viewer>;
}
