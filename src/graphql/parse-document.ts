import { type DocumentNode, type ParseOptions, parse, Source } from 'graphql';
import { checkTokens } from './check-tokens.ts';
import { measureDocument } from './measure-document.ts';
import { figure, type QueryLimits, tooComplex } from './query-limits.ts';

/**
 * The document, if it is within the limits. Throws RequestRefused where it is not, before anybody validates it: some
 * rules take as long as the square of what they are given. Throws GraphQLError where it cannot be parsed.
 */
export function parseDocument(source: string | Source, limits: QueryLimits, options: ParseOptions = {}): DocumentNode {
  checkTokens(source instanceof Source ? source.body : source, limits.tokens);
  const document = parse(source, { ...options, maxTokens: limits.tokens });
  const { depth, aliases, directives } = measureDocument(document);
  refuseMore(depth, limits.depth, 'nests fields', 'deep');
  refuseMore(aliases, limits.aliases, 'has', 'aliases, those of fragments counted wherever they are spread');
  refuseMore(directives, limits.directives, 'has', 'directives, those of fragments counted wherever they are spread');
  return document;
}

function refuseMore(found: number, limit: number, does: string, what: string): void {
  if (found <= limit) return;
  throw tooComplex(`The operation ${does} ${figure(found)} ${what}; ${figure(limit)} are allowed.`, { found, limit });
}
