import { RequestRefused } from '../errors.ts';

// Real documents nest a dozen deep; the parser's own recursion ends at some thousands, in a stack overflow.
const MOST_NESTED = 200;

/** Throws RequestRefused (BAD_REQUEST) for a document that nests too deep to be parsed. */
export function checkNesting(document: string): void {
  if (nestingOf(document) <= MOST_NESTED) return;
  throw new RequestRefused('BAD_REQUEST', `The document must not nest more than ${MOST_NESTED} levels deep.`);
}

/** How deep the brackets of a document nest, those in strings and comments left out. */
function nestingOf(document: string): number {
  // Each alternative takes what it began to its end, closed or not: nothing is ever scanned twice.
  const code = document.replaceAll(/"""(?:\\"""|[\s\S])*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?|#[^\n\r]*/g, '');
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of code.matchAll(/[{}[\]()]/g)) {
    depth += '{[('.includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
