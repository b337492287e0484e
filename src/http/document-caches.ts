import type { DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';

/** Characters of documents that are kept, parsed: each takes some two hundred bytes then. */
const MOST_CHARACTERS = 500_000;

/** Where Yoga keeps documents that it has parsed, and why others could not be; Yoga's own count them, whatever their size. */
export function documentCaches() {
  return { documentCache: cacheOf<DocumentNode>(), errorCache: cacheOf<Error>() };
}

function cacheOf<Kept extends object>() {
  return new LRUCache<string, Kept>({
    max: 1_000,
    maxSize: MOST_CHARACTERS,
    sizeCalculation: (_kept, text) => Math.max(1, text.length),
  });
}
