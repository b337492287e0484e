import type { GraphQLField } from 'graphql';
import { RequestRefused } from '../errors.ts';

const MOST_IN_A_PAGE = 100;
const DEFAULT_SIZE = 20;

/** The arguments of a Relay connection. */
export interface PageArguments {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

interface PageRule {
  /** Throws RequestRefused (BAD_REQUEST) for a page that cannot be. */
  check(page: PageArguments): void;
}

/**
 * On a field that is a connection: how a page is judged, before anything of the operation runs. `checkCursor` throws
 * RequestRefused for a cursor that no page has given.
 */
export function pagedBy(checkCursor: (cursor: string) => void) {
  const page: PageRule = {
    check({ first, last, after, before }) {
      checkSize({ first, last });
      for (const cursor of [after, before]) if (cursor != null) checkCursor(cursor);
    },
  };
  return { extensions: { page } };
}

export function pageRuleOf({ extensions }: GraphQLField<unknown, unknown>): PageRule | null {
  return (extensions.page as PageRule | undefined) ?? null;
}

/** How many rows this page can have. */
export function sizeOf({ first, last }: PageArguments): number {
  return first ?? last ?? DEFAULT_SIZE;
}

function checkSize(sizes: Pick<PageArguments, 'first' | 'last'>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (size != null && (size < 0 || size > MOST_IN_A_PAGE)) {
      throw new RequestRefused('BAD_REQUEST', `${name} must be 0 to ${MOST_IN_A_PAGE} (got ${size}).`);
    }
  }
  if (sizes.first != null && sizes.last != null) {
    throw new RequestRefused('BAD_REQUEST', 'Send first or last, not both.');
  }
}
