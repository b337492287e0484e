import {
  AggregatorRegistry,
  collectDefaultMetrics,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { Metrics } from './metrics.ts';

/** A metric with its values, as one process tells it to another. */
export type Figure = MetricObjectWithValues<MetricValue<string>>;

interface SummedFigures extends Pick<Metrics, 'contentType'> {
  /**
   * The figures of all as those of one server. By each process's id what it has answered, or null: of one that has not
   * answered in time, what only grows counts as it last was, and the rest does not count.
   */
  sum(answers: ReadonlyMap<number, Figure[] | null>): Promise<string>;
  /** The process has ended. What it has counted stays: else all would seem to begin anew. */
  end(id: number): void;
}

/** Sums what several processes count; what this one uses of the machine is counted in. */
export function createSummedFigures(): SummedFigures {
  const own = new Registry();
  collectDefaultMetrics({ register: own });
  const last = new Map<number, Figure[]>();
  const ended = new Set<number>();
  let endedSum: Figure[] = [];

  /** What counts of a process: nothing that is in the sum of those that have ended. */
  function figuresOf(id: number, answer: Figure[] | null): Figure[] {
    if (ended.has(id)) return [];
    if (answer === null) return last.get(id) ?? [];
    last.set(id, answer.filter(isGrowing));
    return answer;
  }

  return {
    contentType: own.contentType,
    async sum(answers) {
      const ownFigures = (await own.getMetricsAsJSON()).filter(isOfProcess).map(toldAlso);
      const living = [...answers].map(([id, answer]) => figuresOf(id, answer));
      return AggregatorRegistry.aggregate([ownFigures, ...living, endedSum]).metrics();
    },
    end(id) {
      endedSum = AggregatorRegistry.aggregate([
        endedSum,
        last.get(id) ?? [],
      ]).getMetricsAsArray() as unknown as Figure[];
      last.delete(id);
      ended.add(id);
    },
  };
}

// Its event loop is none that anybody waits for.
function isOfProcess({ name }: Figure): boolean {
  return name.startsWith('process_');
}

// The server has begun when the first of its processes has; by itself the library sums no such thing.
function toldAlso(figure: Figure): Figure {
  return figure.name === 'process_start_time_seconds' ? { ...figure, aggregator: 'first' } : figure;
}

function isGrowing({ type }: Figure): boolean {
  return ['counter', 'histogram'].includes(String(type));
}
