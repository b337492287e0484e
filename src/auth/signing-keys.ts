import type { CryptoKey, JWK } from 'jose';

/** What access tokens may be signed with; a key is used with its own algorithm and with no other. */
export type SigningAlgorithm = 'EdDSA' | 'ES256' | 'RS256';

/** A key by which access tokens are verified, or made. */
export interface SigningKey {
  /** The `kid`. */
  id: string;
  algorithm: SigningAlgorithm;
  publicKey: CryptoKey;
  /** As it is published: with `kid`, `alg` and `use`, and no private part. */
  publicJwk: JWK;
  /** Null: here it only verifies. */
  privateKey: CryptoKey | null;
}

/** The keys of an installation, as they stand at an instant. */
export interface SigningKeys {
  /** The one that signs now. */
  signer(now: Date): Promise<SigningKey & { privateKey: CryptoKey }>;
  /** The key of this id, or null when there is none whose signature counts now. */
  find(id: string, now: Date): Promise<SigningKey | null>;
  /** The public halves of all whose signature counts now, or will. */
  published(now: Date): Promise<JWK[]>;
}
