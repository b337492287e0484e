import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, generateKeyPair, importJWK, type JWK } from 'jose';
import { OperatorError } from '../errors.ts';

/** What access tokens may be signed with; a key is used with its own algorithm and with no other. */
type SigningAlgorithm = 'EdDSA' | 'ES256' | 'RS256';

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

const FEWEST_RSA_BITS = 2_048;
/** Source: FIPS 186-5, section A.1.1. */
const LEAST_RSA_EXPONENT = 65_537n;
const MOST_ID_CHARACTERS = 128;

/** A fresh key for EdDSA, as a JWK with both halves. */
export async function makeSigningJwk(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = (await crypto.subtle.exportKey('jwk', privateKey)) as JWK;
  return { ...publicPartOf(jwk), ...(jwk.d !== undefined && { d: jwk.d }) };
}

/**
 * The key that a JWK or a PEM (PKCS #8, SPKI) holds; without a private half it only verifies. Its id is the JWK's `kid`,
 * else its thumbprint. Throws OperatorError, naming the key by `place`, when it is none that tokens may be signed with.
 * Source: RFC 7517; RFC 7638 for the thumbprint; RFC 8725, section 3.2 and 3.5, for what is refused.
 */
export async function readSigningKey(given: string | JWK, place: string): Promise<SigningKey> {
  const { publicHalf, privateHalf } = halvesOf(given, place);
  if (privateHalf && !areOfOneKey(privateHalf, publicHalf)) {
    throw new OperatorError(`${place} must be one key: what its private half signs, its public half does not verify.`);
  }
  const algorithm = algorithmOf(publicHalf, place);
  const bare = publicPartOf(publicHalf.export({ format: 'jwk' }) as JWK);
  const named = typeof given === 'string' ? undefined : given.kid;
  const id = named ?? (await calculateJwkThumbprint(bare));
  if (typeof id !== 'string' || id === '' || id.length > MOST_ID_CHARACTERS) {
    throw new OperatorError(`${place} must have a kid of 1 to ${MOST_ID_CHARACTERS} characters, or none.`);
  }
  if (typeof given !== 'string' && given.alg !== undefined && given.alg !== algorithm && given.alg !== 'Ed25519') {
    throw new OperatorError(`${place} must be for ${algorithm}, as keys of its type are here (its alg is another).`);
  }
  return {
    id,
    algorithm,
    publicKey: (await importJWK(bare, algorithm)) as CryptoKey,
    publicJwk: { ...bare, kid: id, alg: algorithm, use: 'sig' },
    privateKey:
      privateHalf && ((await importJWK(privateHalf.export({ format: 'jwk' }) as JWK, algorithm)) as CryptoKey),
  };
}

function halvesOf(given: string | JWK, place: string): { publicHalf: KeyObject; privateHalf: KeyObject | null } {
  if (typeof given === 'string' && given.split('-----BEGIN ').length > 2) {
    throw new OperatorError(`${place} must hold one key: name a file for each, comma-separated.`);
  }
  try {
    const isPrivate = typeof given === 'string' ? given.includes('PRIVATE KEY') : given.d !== undefined;
    const source = typeof given === 'string' ? given : ({ key: given, format: 'jwk' } as never);
    const privateHalf = isPrivate ? createPrivateKey(source) : null;
    return { publicHalf: createPublicKey(privateHalf ?? source), privateHalf };
  } catch {
    // What OpenSSL says of it may quote it.
    throw new OperatorError(
      `${place} is no key that can be read: a PEM (PKCS #8 without a passphrase, or SPKI) or a JWK is, of type OKP, EC or RSA.`,
    );
  }
}

/** A JWK says both halves, and nobody need have compared them. */
function areOfOneKey(privateHalf: KeyObject, publicHalf: KeyObject): boolean {
  const probe = Buffer.from('tessera');
  const digest = privateHalf.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  try {
    return verify(digest, probe, publicHalf, sign(digest, probe, privateHalf));
  } catch {
    return false;
  }
}

function algorithmOf(key: KeyObject, place: string): SigningAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return 'EdDSA';
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256';
  const isStrongRsa =
    (details?.modulusLength ?? 0) >= FEWEST_RSA_BITS && (details?.publicExponent ?? 0n) >= LEAST_RSA_EXPONENT;
  if (type === 'rsa' && isStrongRsa) return 'RS256';
  throw new OperatorError(
    `${place} must be an Ed25519 key, one on the curve P-256, or RSA of at least ${FEWEST_RSA_BITS} bits and with an ` +
      `exponent of at least ${LEAST_RSA_EXPONENT}.`,
  );
}

/** What may be shown of a key, and nothing that is not known to be public. */
function publicPartOf({ kty, crv, x, y, n, e }: JWK): JWK {
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, part]) => part !== undefined)) as JWK;
}
