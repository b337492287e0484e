/** How long whoever has tried too often has to wait. */
export interface WaitRules {
  /** The first wait is a second, each further one twice as long, up to this. */
  longestWaitSeconds: number;
  /** When the last attempt was so long ago, they count no more. */
  forgottenAfterSeconds: number;
}

/** How often a password may be wrong. */
export interface LoginThrottleRules {
  /** So many wrong passwords of a username, and of one from one address, are free; then each further try has to wait. */
  maxFailures: number;
  /** As maxFailures, of an address, whatever the usernames: many people may share one. */
  maxFailuresPerAddress: number;
}

/** What all nodes count together. */
export interface ThrottleRules extends WaitRules, LoginThrottleRules {
  /** So many registrations from one address are free; then each further one has to wait. */
  maxRegistrationsPerAddress: number;
}
