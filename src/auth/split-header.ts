/**
 * Without the spaces and tabs at its ends, which are all that HTTP and browsers take off. By hand: a pattern that ends in
 * `[ \t]+$` takes the square of the time for a long run of them inside.
 */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text[from])) from += 1;
  while (to > from && isBlank(text[to - 1])) to -= 1;
  return text.slice(from, to);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

const TAB = 9;
const CARRIAGE_RETURN = 13;
const SPACE = 32;

/** The words of a header, apart by any run of white space, as Python's `split` has it. By hand: each request has one. */
export function splitAtWhiteSpace(header: string): string[] {
  const words: string[] = [];
  let from = 0;
  for (let at = 0; at <= header.length; at += 1) {
    const code = at === header.length ? SPACE : header.charCodeAt(at);
    if (code !== SPACE && !(code >= TAB && code <= CARRIAGE_RETURN)) continue;
    if (at > from) words.push(header.slice(from, at));
    from = at + 1;
  }
  return words;
}

/** Whether a word is this one, which is written in lower case, without regard to case. */
export function isWord(word: string, lower: string): boolean {
  return word.length === lower.length && word.toLowerCase() === lower;
}
