import { readFileSync } from 'node:fs';
import type { JWK } from 'jose';
import { readSigningKey, type SigningKey, type SigningKeys } from './auth/signing-keys.ts';
import { OperatorError } from './errors.ts';

/**
 * The keys that JWT_KEYS names: a JWK or a JWK set, or files of PEM or JWKs, comma-separated. The first signs, all verify.
 * Throws OperatorError, which shows nothing of them, when one cannot be read.
 */
export async function readConfiguredKeys(jwtKeys: string): Promise<SigningKeys> {
  const named = jwtKeys.trim().startsWith('{')
    ? jwksIn(jwtKeys, 'JWT_KEYS')
    : jwtKeys.split(',').flatMap((path, at) => keysInFile(path.trim(), at + 1));
  const keys = await Promise.all(named.map(({ key, place }) => readSigningKey(key, place)));
  const [first] = keys;
  const { privateKey } = first ?? {};
  if (!first || !privateKey) {
    throw new OperatorError('JWT_KEYS must begin with a key that has a private half: the first one signs.');
  }
  const byId = new Map<string, SigningKey>(keys.map((key) => [key.id, key]));
  if (byId.size < keys.length) throw new OperatorError('JWT_KEYS must name each key once: two have the same kid.');
  return {
    signer: async () => ({ ...first, privateKey }),
    find: async (id) => byId.get(id) ?? null,
    published: async () => keys.map(({ publicJwk }) => publicJwk),
  };
}

interface Named {
  key: string | JWK;
  place: string;
}

function keysInFile(path: string, number: number): Named[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not by what stands there: that may be the very key, pasted in place of its file's name.
    throw new OperatorError(
      `JWT_KEYS: file ${number} cannot be read (${code}). Name files that the server may read, comma-separated, or give a JWK set.`,
    );
  }
  const place = `JWT_KEYS: ${path}`;
  return text.trim().startsWith('{') ? jwksIn(text, place) : [{ key: text, place }];
}

function jwksIn(text: string, place: string): Named[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new OperatorError(`${place} must be JSON: a JWK, or a JWK set {"keys": [...]}.`);
  }
  const keys: unknown = value !== null && typeof value === 'object' && 'keys' in value ? value.keys : [value];
  if (!Array.isArray(keys) || keys.some((key) => key === null || typeof key !== 'object')) {
    throw new OperatorError(`${place} must be a JWK, or a JWK set {"keys": [...]}.`);
  }
  return keys.map((key, at) => ({ key, place: `${place}, key ${at + 1},` }));
}
