import { type ResolveCursorConnectionArgs, resolveCursorConnection } from '@pothos/plugin-relay';
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

/** How rows and their places on pages are told from one another. */
interface Places<Row, Position> {
  toCursor(row: Row): string;
  /** Throws RequestRefused for a cursor that no page has given. */
  positionAt(cursor: string): Position;
}

export interface Slice<Position> {
  after: Position | undefined;
  before: Position | undefined;
  /** How many at most. */
  limit: number;
  /** From the end. */
  isReversed: boolean;
}

interface Listing<Row, Position> {
  list(slice: Slice<Position>): Promise<Row[]>;
  /** Of all pages together; null where nobody may ask for it. */
  count: (() => Promise<number>) | null;
}

/** The page that these arguments ask for, of rows that are listed by their positions. */
export async function resolvePage<Row, Position>(
  args: PageArguments,
  { toCursor, positionAt }: Places<NoInfer<Row>, Position>,
  { list, count }: Listing<Row, Position>,
) {
  const page = await resolveCursorConnection(
    { args, toCursor },
    ({ after, before, limit, inverted }: ResolveCursorConnectionArgs) =>
      list({
        after: after === undefined ? after : positionAt(after),
        before: before === undefined ? before : positionAt(before),
        limit,
        isReversed: inverted,
      }),
  );
  const isEmpty = page.edges?.length === 0;
  return {
    edges: page.edges,
    // Relay's specification: null where there is no edge.
    pageInfo: isEmpty ? { ...page.pageInfo, startCursor: null, endCursor: null } : page.pageInfo,
    totalCount: count,
  };
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
