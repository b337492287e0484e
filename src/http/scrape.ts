import { createHash, timingSafeEqual } from 'node:crypto';
import type { Metrics } from './metrics.ts';

export const METRICS_PATH = '/metrics';

export interface ScrapeOptions {
  metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** What whoever asks must send; null: nothing. */
  token: string | null;
}

interface Asked {
  method: string | undefined;
  authorization: string | null | undefined;
}

interface Scraped {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'private, no-store' };

/** What is answered to whoever asks for the figures. */
export async function scrape({ method, authorization }: Asked, { metrics, token }: ScrapeOptions): Promise<Scraped> {
  if (token !== null && !isBearer(authorization ?? '', token)) {
    return { status: 401, headers: { ...PLAIN, 'WWW-Authenticate': 'Bearer' }, body: 'METRICS_TOKEN is asked for.\n' };
  }
  if (method !== 'GET') return { status: 405, headers: { ...PLAIN, Allow: 'GET' }, body: 'The method must be GET.\n' };
  try {
    return { status: 200, headers: { ...PLAIN, 'Content-Type': metrics.contentType }, body: await metrics.text() };
  } catch {
    // Neither listener would tell it better: one with a stack trace, the other by ending the process.
    return { status: 500, headers: PLAIN, body: 'The figures cannot be read.\n' };
  }
}

// By digests, which are of one length whatever was sent: the time tells neither the token nor how long it is.
function isBearer(authorization: string, token: string): boolean {
  const [, sent = ''] = /^bearer +([!-~]+)$/i.exec(authorization) ?? [];
  return timingSafeEqual(digest(sent), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
