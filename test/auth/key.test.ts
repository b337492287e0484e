import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, isKeyShaped, keyOf, newTokenId, type TokenSecrets, verifyKey } from '../../src/auth/key.ts';

const OLD = 'o'.repeat(32);
const NEW = 'n'.repeat(32);
const secrets: TokenSecrets = [NEW, OLD];
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('a key', () => {
  it('is one fixed string for a fixed id and secret', () => {
    // HMAC-SHA256(32 × "n", "tessera token v1" ‖ id), computed apart with openssl.
    expect(keyOf({ id: '00112233-4455-6677-8899-aabbccddeeff' }, secrets)).toBe(
      'tsr_ABEiM0RVZneImaq7zN3u_9htiPviHvweU1MuL52Cd_k',
    );
  });

  it('is tsr_ and 43 characters of base64url', () => {
    expect(keyOf({ id: newTokenId() }, secrets)).toMatch(/^tsr_[A-Za-z0-9_-]{43}$/);
  });

  it('opens the token that it was derived from, by the newest secret and by older ones', () => {
    const id = newTokenId();
    expect(verifyKey(keyOf({ id }, secrets), secrets)).toBe(id);
    expect(verifyKey(keyOf({ id }, [OLD]), secrets)).toBe(id);
  });

  it('opens nothing where its secret is not known', () => {
    expect(verifyKey(keyOf({ id: newTokenId() }, [OLD]), [NEW])).toBeNull();
  });

  it('is refused with any one character changed', () => {
    const key = keyOf({ id: newTokenId() }, secrets);
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 46 }), fc.constantFrom(...BASE64URL), (at, other) => {
        fc.pre(key[at] !== other);
        expect(verifyKey(key.slice(0, at) + other + key.slice(at + 1), secrets)).toBeNull();
      }),
    );
  });

  it('is accepted in its canonical spelling alone', () => {
    const id = newTokenId();
    const key = keyOf({ id }, secrets);
    // The last character carries four bits of key and two that lenient decoders drop.
    const last = BASE64URL.indexOf(key.at(-1) ?? '');
    const twins = [1, 2, 3].map((low) => key.slice(0, -1) + BASE64URL[(last & ~3) | ((last + low) & 3)]);
    const others = [
      `${key}=`,
      `${key}A`,
      key.slice(0, -1),
      key.replace('tsr_', 'TSR_'),
      ` ${key}`,
      key.replaceAll('_', '/'),
    ];
    for (const spelling of [...twins, ...others]) {
      if (spelling !== key) expect(verifyKey(spelling, secrets), spelling).toBeNull();
    }
  });

  it('is never made by chance', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => verifyKey(text, secrets) === null && verifyKey(`tsr_${text}`, secrets) === null,
      ),
    );
  });

  it('knows its own shape', () => {
    expect(isKeyShaped(keyOf({ id: newTokenId() }, secrets))).toBe(true);
    expect(isKeyShaped('eyJhbGciOiJFZERTQSJ9')).toBe(false);
  });

  it('cannot be had for an id that is none', () => {
    expect(() => keyOf({ id: 'abc' }, secrets)).toThrow('A token id must be a UUID');
  });
});

describe('a fingerprint', () => {
  it('tells secrets apart and shows nothing of them', () => {
    expect(fingerprintOf(NEW)).toMatch(/^[0-9a-f]{32}$/);
    expect(fingerprintOf(NEW)).not.toBe(fingerprintOf(OLD));
  });
});
