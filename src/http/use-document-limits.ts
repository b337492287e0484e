import type { ParseOptions, Source } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { parseDocument } from '../graphql/parse-document.ts';
import type { QueryLimits } from '../graphql/query-limits.ts';

/** Refuses what is too much for a document as it is parsed, so that a document that Yoga keeps is measured once. */
export function useDocumentLimits(limits: QueryLimits): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions) => parseDocument(source, limits, options));
    },
  };
}
