import { auditServer } from 'graphql-http';

export interface AuditRow {
  id: string;
  /** What the audit asks for, beginning with MUST, SHOULD or MAY. */
  name: string;
  /** `error`: a MUST is broken. `warn`: a SHOULD. `notice`: a MAY is not taken. */
  status: 'ok' | 'notice' | 'warn' | 'error';
  reason: string;
}

/**
 * What the server audit of the `graphql-http` package says of the endpoint at this address, row by row.
 * Source: GraphQL over HTTP, https://graphql.github.io/graphql-over-http/draft/.
 */
export async function audit(url: string): Promise<AuditRow[]> {
  const results = await auditServer({ url });
  return results.map((result) => ({
    id: result.id,
    name: result.name,
    status: result.status,
    reason: result.status === 'ok' ? '' : result.reason,
  }));
}

/** The rows that no server may leave so: a MUST or a SHOULD is broken. */
export function brokenIn(rows: readonly AuditRow[]): AuditRow[] {
  return rows.filter(({ status }) => status === 'error' || status === 'warn');
}
