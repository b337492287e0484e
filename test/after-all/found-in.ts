const START = 4;
const BITS = 24;

/**
 * Which of these texts stand in that one. One pass over it, however many are looked for: a table of how they start says
 * where comparing is worth while.
 */
export function foundIn(haystack: Buffer, needles: readonly string[]): string[] {
  const starts = new Uint8Array(2 ** BITS);
  const byStart = new Map<number, { text: string; bytes: Buffer }[]>();
  for (const text of new Set(needles)) {
    const bytes = Buffer.from(text);
    if (bytes.length < START) throw new Error(`${JSON.stringify(text)} is too short to be looked for.`);
    const start = bytes.readUInt32BE(0);
    starts[slot(start)] = 1;
    const others = byStart.get(start);
    if (others) others.push({ text, bytes });
    else byStart.set(start, [{ text, bytes }]);
  }
  const found = new Set<string>();
  let window = 0;
  for (let end = 0; end < haystack.length; end += 1) {
    window = ((window << 8) | (haystack[end] as number)) >>> 0;
    if (end < START - 1 || starts[slot(window)] === 0) continue;
    const begin = end - START + 1;
    for (const { text, bytes } of byStart.get(window) ?? []) {
      if (haystack.compare(bytes, 0, bytes.length, begin, Math.min(begin + bytes.length, haystack.length)) === 0) {
        found.add(text);
      }
    }
  }
  return [...found];
}

function slot(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> (32 - BITS);
}
