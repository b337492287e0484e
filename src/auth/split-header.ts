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

/** The words of a header, apart by any run of white space, as Python's `split` has it. */
export function splitAtWhiteSpace(header: string): string[] {
  return header.split(/[ \t\n\r\v\f]+/).filter((part) => part !== '');
}
