import { RequestRefused } from '../errors.ts';

const MOST_IN_A_PAGE = 100;

/** The arguments of a Relay connection. */
export interface PageArguments {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

/** Throws RequestRefused (BAD_REQUEST) for a page that is larger than a page can be, or of two sizes. */
export function checkPage({ first, last }: PageArguments): void {
  for (const [name, size] of Object.entries({ first, last })) {
    if (size != null && (size < 0 || size > MOST_IN_A_PAGE)) {
      throw new RequestRefused('BAD_REQUEST', `${name} must be 0 to ${MOST_IN_A_PAGE} (got ${size}).`);
    }
  }
  if (first != null && last != null) throw new RequestRefused('BAD_REQUEST', 'Send first or last, not both.');
}
