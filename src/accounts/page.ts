/** What part of a listing is wanted. */
export interface PageAsked {
  limit: number;
  /** The row that the page before ended with. */
  after?: string | undefined;
}

/** A bounded part of a listing. */
export interface Page<Row> {
  rows: Row[];
  /** How many rows the whole listing has. */
  total: number;
  hasMore: boolean;
}

/** The page that these rows make: they are asked for with one more than the limit, which tells whether more follow. */
export function pageOf<Row>(rows: Row[], limit: number, total: number): Page<Row> {
  return { rows: rows.slice(0, limit), total, hasMore: rows.length > limit };
}
