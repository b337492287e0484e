import { RequestRefused } from '../errors.ts';

/** What a document may come to before it is refused. */
export interface QueryLimits {
  /** Fields within one another. */
  depth: number;
  /** Aliases and directives of an operation, those of fragments counted as often as they are spread. */
  aliases: number;
  directives: number;
  /** Of the whole document, comments counted. */
  tokens: number;
  /** What an operation's pages can multiply into. */
  values: number;
}

/** The refusal of what is more than allowed; `found` is null where nobody went on counting. */
export function tooComplex(message: string, { found, limit }: { found: number | null; limit: number }): RequestRefused {
  const known = found === null ? {} : { found: Math.min(found, Number.MAX_SAFE_INTEGER) };
  return new RequestRefused('OPERATION_TOO_COMPLEX', message, {}, { ...known, limit });
}

/** A figure for people: what multiplies can have hundreds of digits. */
export function figure(number: number): string {
  return number.toLocaleString('en', { maximumSignificantDigits: 6 });
}
