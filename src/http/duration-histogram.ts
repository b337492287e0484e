import type { Metric, Registry } from 'prom-client';

interface Series {
  /** How many took no longer than each bound and longer than the one before; the last of them: longer than all. */
  counts: number[];
  sum: number;
}

interface DurationHistogramOptions {
  name: string;
  help: string;
  /** What the series are told by. */
  label: string;
  /** In seconds, growing. */
  bounds: readonly number[];
}

/**
 * A histogram by one label. prom-client's own is told each observation by an object of labels, which it hashes: more
 * than all else that a request is counted by.
 */
export function durationHistogram(registry: Registry, { name, help, label, bounds }: DurationHistogramOptions) {
  const series = new Map<string, Series>();

  function valuesOf([value, { counts, sum }]: [string, Series]) {
    const labels = { [label]: value };
    let count = 0;
    const buckets = [...bounds, '+Inf'].map((le, place) => {
      count += counts[place] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }

  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: [...series].flatMap(valuesOf) }),
    reset: () => series.clear(),
  };
  registry.registerMetric(metric as unknown as Metric);

  return {
    observe(value: string, seconds: number): void {
      let own = series.get(value);
      if (!own) {
        own = { counts: new Array(bounds.length + 1).fill(0), sum: 0 };
        series.set(value, own);
      }
      let place = 0;
      while (place < bounds.length && seconds > (bounds[place] as number)) place += 1;
      own.counts[place] = (own.counts[place] as number) + 1;
      own.sum += seconds;
    },
  };
}
