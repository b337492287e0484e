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

  async function answerOf({ id, ask }: OneWorker): Promise<[number, Figure[] | null]> {
    let figures: Figure[] | null = null;
    const answering = ask<Figure[]>('figures').then(
      (answer) => {
        figures = answer;
      },
      () => {},
    );
    const isInTime = await inTime(answering, ANSWER_MS);
    return [id, isInTime ? figures : null];
  }

  return {
    end,
    contentType,
    text: async () => sum(new Map(await Promise.all([...workers].map(answerOf)))),
  };
}
