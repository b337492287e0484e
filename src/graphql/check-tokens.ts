import { RequestRefused } from '../errors.ts';
import { figure, tooComplex } from './query-limits.ts';

/** Brackets, or selections through fragments, within one another. Real documents nest a dozen deep; all that reads them recurses. */
const MOST_NESTED = 200;

// Each alternative takes what it began to its end, closed or not: nothing is ever scanned twice.
const TOKEN =
  /"""(?:\\"""|[\s\S])*?(?:"""|$)|"(?:\\.|[^"\\\n\r])*"?|#[^\n\r]*|\.{3}|[_A-Za-z]\w*|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[^\s,\uFEFF]/g;

/**
 * How many tokens the document has. Throws RequestRefused for a document that has too many tokens, or nests too deep, to be parsed. Comments count: the
 * lexer keeps them like any other token. Nobody counts past the limit.
 */
export function checkTokens(document: string, most = Number.POSITIVE_INFINITY): number {
  let tokens = 0;
  let depth = 0;
  for (const [token] of document.matchAll(TOKEN)) {
    tokens += 1;
    if (tokens > most) {
      const message = `The document has more than ${figure(most)} tokens, comments counted; no more are allowed.`;
      throw tooComplex(message, { found: null, limit: most });
    }
    if ('{[('.includes(token)) checkNesting(++depth);
    else if ('}])'.includes(token)) depth -= 1;
  }
  return tokens;
}

/** Throws RequestRefused (BAD_REQUEST) for what nests too deep to be gone through. */
export function checkNesting(levels: number): void {
  if (levels <= MOST_NESTED) return;
  throw new RequestRefused('BAD_REQUEST', `The document must not nest more than ${MOST_NESTED} levels deep.`);
}
