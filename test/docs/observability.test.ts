import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/http/metrics.ts';
import { namesIn } from '../http/scraped.ts';
import { readPage } from './printed.ts';

interface Dashboard {
  panels: { title: string; datasource: unknown; targets: { expr: string; datasource: unknown }[] }[];
  templating: { list: { name: string; type: string; query: unknown; definition?: string; datasource?: unknown }[] };
}

const guide = readPage('docs/guides/observability.md');
const dashboard: Dashboard = JSON.parse(
  readFileSync(new URL('../../docs/guides/deployment/grafana-dashboard.json', import.meta.url), 'utf8'),
);
const zero = () => 0;
const exported = namesIn(
  await createMetrics(
    {
      passwords: () => ({ active: 0, waiting: 0, refused: 0, good: 0, bad: 0 }),
      viewers: () => ({ hits: 0, misses: 0, size: 0 }),
      pool: () => ({ total: 0, idle: 0, waiting: 0 }),
      openStreams: zero,
      areChangesHeard: () => true,
      requestsInFlight: zero,
    },
    '0.0.0',
  ).text(),
);

/** The metrics that a text or an expression names, a histogram's series by its own name. */
function metricsNamed(text: string): string[] {
  const names = text.match(/\b(?:tessera|process|nodejs)_\w+/g) ?? [];
  return names.map((name) => {
    const whole = name.replace(/_(?:bucket|sum|count)$/, '');
    return exported.includes(name) ? name : whole;
  });
}

describe('the dashboard', () => {
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

  it('asks for nothing that is not exported', () => {
    const variables = dashboard.templating.list.map(({ definition = '' }) => definition);
    const named = [...expressions, ...variables].flatMap(metricsNamed);
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((name) => !exported.includes(name))).toEqual([]);
  });

  it('shows every figure of Tessera’s own', () => {
    const shown = new Set(expressions.flatMap(metricsNamed));
    expect(exported.filter((name) => name.startsWith('tessera_') && !shown.has(name))).toEqual([]);
  });

  it('goes by the Prometheus that is chosen when it is imported', () => {
    const { list } = dashboard.templating;
    expect(list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    const sources = dashboard.panels.flatMap(({ datasource, targets }) => [
      datasource,
      ...targets.map((target) => target.datasource),
    ]);
    for (const { datasource } of list.slice(1)) sources.push(datasource);
    expect(sources.length).toBeGreaterThan(20);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's.
    for (const source of sources) expect(source).toEqual({ type: 'prometheus', uid: '${datasource}' });
    for (const { targets, title } of dashboard.panels) expect(targets.length, title).toBeGreaterThan(0);
  });
});

describe('the guide', () => {
  it('has a line for every figure of Tessera’s own, and no other', () => {
    const lines = [...guide.matchAll(/^\| `(tessera_\w+)` \|/gm)].map(([, name = '']) => name);
    expect(lines.toSorted()).toEqual(exported.filter((name) => name.startsWith('tessera_')).toSorted());
  });

  it('has alerts on what is exported', () => {
    const [, alerts = ''] = /## Alerts(.*)/s.exec(guide) ?? [];
    const named = metricsNamed(alerts);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !exported.includes(name))).toEqual([]);
  });
});
