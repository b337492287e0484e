import type { Figure } from '../http/summed-figures.ts';
import { inTime } from '../in-time.ts';
import type { OneWorker } from './primary.ts';

/** How long a worker may take to say what it has counted. */
const ANSWER_MS = 2_000;

/** The figures of the whole server. */
export interface FiguresOfWorkers {
  text(): Promise<string>;
  readonly contentType: string;
  /** A worker has ended. */
  end(id: number): void;
}

/** Asks all these workers each time; whoever does not answer in time is left out. */
export async function sumFiguresOf(workers: ReadonlySet<OneWorker>): Promise<FiguresOfWorkers> {
  // Loaded only where figures are shown.
  const { createSummedFigures } = await import('../http/summed-figures.ts');
  const { sum, end, contentType } = createSummedFigures();

  /** What has been asked and not answered yet: of a worker that hangs, once. */
  const asked = new Map<number, Promise<Figure[] | null>>();
  let summing: Promise<string> | null = null;

  function askOnce({ id, ask }: OneWorker): Promise<Figure[] | null> {
    const before = asked.get(id);
    if (before) return before;
    const asking = ask<Figure[]>('figures')
      .catch(() => null)
      .finally(() => asked.delete(id));
    asked.set(id, asking);
    return asking;
  }

  async function answerOf(worker: OneWorker): Promise<[number, Figure[] | null]> {
    let figures: Figure[] | null = null;
    const answering = askOnce(worker).then((answer) => {
      figures = answer;
    });
    const isInTime = await inTime(answering, ANSWER_MS);
    return [worker.id, isInTime ? figures : null];
  }

  async function sumAll(): Promise<string> {
    return sum(new Map(await Promise.all([...workers].map(answerOf))));
  }

  return {
    end,
    contentType,
    // Whoever asks meanwhile is given the same: an older sum after a newer one would look as if it had fallen.
    text() {
      summing ??= sumAll().finally(() => {
        summing = null;
      });
      return summing;
    },
  };
}
