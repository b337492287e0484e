import type { Logger } from 'pino';
import type { LoginThrottle } from '../accounts/login-throttle.ts';
import type { Caller } from '../accounts/password-proof.ts';
import type { RegistrationThrottle } from '../accounts/registration-throttle.ts';
import type { TokenEvents } from '../accounts/token-events.ts';
import type { TokenRules } from '../accounts/tokens.ts';
import type { AccessTokens } from '../auth/access-token.ts';
import type { TokenSecrets } from '../auth/key.ts';
import type { Passwords } from '../auth/password.ts';
import type { SchemeName } from '../auth/scheme.ts';
import { readSender, type Sender } from '../auth/sender.ts';
import { canSeeUser, type Viewer } from '../auth/viewer.ts';
import type { Database } from '../database/client.ts';
import type { Origin } from '../database/origin.ts';
import type { RequestRefused } from '../errors.ts';
import type { QueryLimits } from './query-limits.ts';

/** What the server lends to every request. */
export interface ServerContext {
  database: Database;
  passwords: Passwords;
  throttle: LoginThrottle;
  registrations: RegistrationThrottle;
  tokenSecrets: TokenSecrets;
  /** Null: nobody comes in by them here. */
  accessTokens: AccessTokens | null;
  registration: 'open' | 'closed';
  /** The ways in that are open here. */
  authentication: readonly SchemeName[];
  tokenRules: TokenRules;
  queryLimits: QueryLimits;
  tokenEvents: TokenEvents;
  log: Logger;
  now(): Date;
  /** The refusal, with its challenge, of a caller who must say who he is. */
  credentialsMissing(): RequestRefused;
}

/** The browser at the other end, as far as sessions go. */
export interface Browser {
  /** The session that its cookie names, or that it has been given in this very operation; dead, perhaps. */
  sessionId(): string | null;
  /** Gives it the cookie of this session with the answer, or, null, takes it away. */
  setSession(id: string | null): void;
  /** Throws RequestRefused (FORBIDDEN) when a page of another site may have made the request. */
  requireProof(): void;
}

/** What resolvers are given: the server's part, and who is calling. */
export interface Context extends ServerContext {
  viewer: Viewer | null;
  /** Where the request comes from. */
  sender(): Sender;
  /** Null: this server has no sessions. */
  browser: Browser | null;
  /** Ids of the users who have proved themselves within this very operation, by logging in or registering. */
  admitted: Set<string>;
  /** The name of the expected failure that a mutation of this operation has returned. */
  failure: string | null;
}

/** Who stands before the door where passwords are checked. A password that is sent as a credential makes nobody known. */
export function callerOf(context: Context): Caller {
  const { viewer } = context;
  return { ...originOf(context), knownAs: viewer?.token ? viewer.user.username : null };
}

/** Whose doing it is what this operation changes. */
export function originOf({ viewer, sender }: Pick<Context, 'viewer' | 'sender'>): Origin {
  return { ...readSender(sender()), actorId: viewer?.user.id ?? null };
}

/** Whether the caller may read what is shown to oneself and to staff alone. */
export function canSee({ viewer, admitted }: Context, userId: string): boolean {
  return admitted.has(userId) || canSeeUser(viewer, userId);
}

/** The viewer, where the field's rule has made sure that there is one. Throws RequestRefused otherwise. */
export function requireViewer(context: Context): Viewer {
  if (!context.viewer) throw context.credentialsMissing();
  return context.viewer;
}
