import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacProver } from '../../src/auth/hmac-sha256.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('hmacProver', () => {
  // RFC 4231, those of its test cases that are short enough.
  it.each([
    ['1', '0b'.repeat(20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      '2',
      '4a656665',
      '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    ['3', 'aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    [
      '6',
      'aa'.repeat(131),
      '54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ])("proves the RFC's test case %s", (_case, key, message, mac) => {
    const prove = hmacProver(Buffer.from(key, 'hex'), new Uint8Array());
    expect(prove(Buffer.from(message, 'hex'), Buffer.from(mac, 'hex'))).toBe(true);
  });

  it('agrees with node:crypto of every length, and of no other byte', () => {
    const part = { secret: fc.uint8Array({ maxLength: 200 }), message: fc.uint8Array({ maxLength: 55 }) };
    fc.assert(
      fc.property(fc.record(part), fc.nat(55), fc.nat(31), fc.integer({ min: 1, max: 255 }), (given, cut, at, flip) => {
        const { secret, message } = given;
        const domain = message.slice(0, cut);
        const rest = message.slice(domain.length);
        const mac = createHmac('sha256', secret).update(message).digest();
        const prove = hmacProver(secret, domain);
        expect(prove(rest, mac)).toBe(true);
        expect(prove(rest, mac.subarray(0, 16))).toBe(true);
        mac[at] = (mac[at] as number) ^ flip;
        expect(prove(rest, mac)).toBe(false);
        expect(prove(rest, mac.subarray(0, 16))).toBe(at > 15);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps nothing of one message for the next', () => {
    const [secret, domain] = [bytes('s'.repeat(32)), bytes('tessera token v1')];
    const prove = hmacProver(secret, domain);
    const other = hmacProver(bytes('another'), bytes('another domain'));
    for (const length of [39, 0, 16, 1, 38]) {
      const message = new Uint8Array(length).fill(length);
      other(message, new Uint8Array(16));
      const mac = createHmac('sha256', secret).update(domain).update(message).digest();
      expect(prove(message, mac), String(length)).toBe(true);
    }
  });

  it.each([0, 12, 15, 18, 36])('compares no %d bytes, which anybody could guess or which are none of it', (length) => {
    const prove = hmacProver(bytes('secret'), bytes('domain'));
    expect(() => prove(new Uint8Array(16), new Uint8Array(length))).toThrow(
      new RangeError(`An HMAC is compared by 16, 20, 24, 28 or 32 of its bytes (got ${length}).`),
    );
  });

  it('takes no message that is too long for one block', () => {
    const prove = hmacProver(bytes('secret'), bytes('domain'));
    expect(() => prove(new Uint8Array(50), new Uint8Array(16))).toThrow(
      new RangeError('A message may have 55 bytes (got 56).'),
    );
  });
});
