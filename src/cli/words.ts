/** `1 token`, `2,000 tokens`. */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** An instant for a person, to the minute and in UTC; a dash for none. */
export function instant(date: Date | null): string {
  return date ? date.toISOString().slice(0, 16).replace('T', ' ') : '-';
}

/** The day of an instant, in UTC. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** A word as it must be typed in a POSIX shell (with `$'…'` where it has control characters) to be taken for itself. */
export function shellWord(word: string): string {
  if (/^[\p{L}\p{M}\p{N}_.@+=-]+$/u.test(word)) return word;
  if (!/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u.test(word))
    return `'${word.replaceAll("'", "'\\''")}'`;
  const spelt = word
    .replaceAll(/[\\']/g, '\\$&')
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu,
      (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
    );
  return `$'${spelt}'`;
}
