import { createHash } from 'node:crypto';

/** Of SHA-256, in bytes. */
const BLOCK = 64;
const WORDS = 16;
/** What is longer does not fit into one block with its end and its length. */
const MOST_BYTES = BLOCK - 9;

/** So many cannot be guessed. */
const FEWEST_GIVEN = 16;

// Source: FIPS 180-4, sections 5.3.3 and 4.2.2.
const START = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);
// biome-ignore format: eight a line
const CONSTANTS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** What is being worked on; nothing here waits, so that one of each is enough. */
const schedule = new Int32Array(64);
const state = new Int32Array(8);

/**
 * Whether this is what the message's HMAC begins with: 16 bytes or more, of which nothing decides how long it takes.
 * Throws a RangeError for fewer, and for a number that cannot be divided by four.
 */
export type Prove = (message: Uint8Array, given: Uint8Array) => boolean;

/**
 * HMAC-SHA256 of short messages, each with the same text before it, to be compared with what somebody has sent. Node's
 * takes five times as long, nearly all of it to make and to free its objects; each forged key costs one. Here the two
 * blocks that hang on the secret alone are worked out once. Throws a RangeError for more than 55 bytes of both.
 * Source: RFC 2104; FIPS 180-4, section 6.2.
 */
export function hmacProver(secret: Uint8Array, domain: Uint8Array): Prove {
  const inner = startOf(secret, 0x36);
  const outer = startOf(secret, 0x5c);
  const block = new Uint8Array(BLOCK);
  block.set(domain);

  return (message, given) => {
    const length = domain.length + message.length;
    if (given.length < FEWEST_GIVEN || given.length > 4 * state.length || given.length % 4 !== 0) {
      throw new RangeError(`An HMAC is compared by 16, 20, 24, 28 or 32 of its bytes (got ${given.length}).`);
    }
    if (length > MOST_BYTES) throw new RangeError(`A message may have ${MOST_BYTES} bytes (got ${length}).`);
    block.fill(0, domain.length);
    block.set(message, domain.length);
    block[length] = 0x80;
    readWords(block);
    schedule[WORDS - 1] = (BLOCK + length) * 8;
    state.set(inner);
    compress();
    schedule.set(state);
    schedule.fill(0, state.length, WORDS);
    schedule[state.length] = 0x80000000;
    schedule[WORDS - 1] = (BLOCK + state.length * 4) * 8;
    state.set(outer);
    compress();
    let difference = 0;
    for (let at = 0; at < given.length; at += 4) difference |= wordAt(given, at) ^ valueAt(state, at / 4);
    return difference === 0;
  };
}

/** The state after the secret's own block, padded with this byte. */
function startOf(secret: Uint8Array, pad: number): Int32Array {
  const key = new Uint8Array(BLOCK);
  key.set(secret.length > BLOCK ? createHash('sha256').update(secret).digest() : secret);
  readWords(key.map((byte) => byte ^ pad));
  state.set(START);
  compress();
  return state.slice();
}

function readWords(block: Uint8Array): void {
  for (let place = 0; place < WORDS; place += 1) schedule[place] = wordAt(block, 4 * place);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (valueAt(bytes, at) << 24) | (valueAt(bytes, at + 1) << 16) | (valueAt(bytes, at + 2) << 8) | valueAt(bytes, at + 3)
  );
}

function valueAt(values: Int32Array | Uint8Array, at: number): number {
  return values[at] as number;
}

/** One block, the first words of the schedule, into the state. */
function compress(): void {
  for (let at = WORDS; at < 64; at += 1) {
    const early = valueAt(schedule, at - 15);
    const late = valueAt(schedule, at - 2);
    const low = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const high = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    schedule[at] = valueAt(schedule, at - 16) + low + valueAt(schedule, at - 7) + high;
  }
  // Each by itself: to take them out of a list together takes longer than all that is done with them.
  let a = valueAt(state, 0);
  let b = valueAt(state, 1);
  let c = valueAt(state, 2);
  let d = valueAt(state, 3);
  let e = valueAt(state, 4);
  let f = valueAt(state, 5);
  let g = valueAt(state, 6);
  let h = valueAt(state, 7);
  for (let at = 0; at < 64; at += 1) {
    const choice = (e & f) ^ (~e & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const first = (h + sum(e, 6, 11, 25) + choice + valueAt(CONSTANTS, at) + valueAt(schedule, at)) | 0;
    const second = (sum(a, 2, 13, 22) + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] = valueAt(state, 0) + a;
  state[1] = valueAt(state, 1) + b;
  state[2] = valueAt(state, 2) + c;
  state[3] = valueAt(state, 3) + d;
  state[4] = valueAt(state, 4) + e;
  state[5] = valueAt(state, 5) + f;
  state[6] = valueAt(state, 6) + g;
  state[7] = valueAt(state, 7) + h;
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function sum(word: number, first: number, second: number, third: number): number {
  return rotate(word, first) ^ rotate(word, second) ^ rotate(word, third);
}
