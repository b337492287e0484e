/** What is known of a request while it is answered, by the request. */
export interface PerRequest<Known> {
  get(request: object): Known | undefined;
  set(request: object, known: Known): void;
}

/**
 * Kept on the request itself, with which it goes. In a WeakMap each entry would cost the garbage collection more than
 * GraphQL takes to answer: docs/decisions/039-two-ways-to-one-answer.md.
 */
export function perRequest<Known>(): PerRequest<Known> {
  const place = places;
  places += 1;
  return {
    get: (request) => (request as Knowing)[KNOWN]?.[place] as Known | undefined,
    set(request, known) {
      const all = (request as Knowing)[KNOWN] ?? [];
      (request as Knowing)[KNOWN] = all;
      all[place] = known;
    },
  };
}

const KNOWN = Symbol('known of a request');
let places = 0;

interface Knowing {
  [KNOWN]?: unknown[];
}
