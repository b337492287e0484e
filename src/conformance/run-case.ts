import { type AtHand, findLack } from './at-hand.ts';
import type { Expected, TokenCase } from './case.ts';
import { type Endpoint, exchange, NoAnswer, type Reply } from './exchange.ts';
import { isMet } from './judge.ts';
import { fill, keptFrom, type Placeholders, placeholdersFor, secretsIn } from './placeholders.ts';
import { summaryOf, summaryOfExpected } from './summary.ts';

/** How a case went. */
export type Row = { name: string } & (
  | { result: 'ok' }
  | { result: 'failed'; step: number; expected: string; got: string }
  | { result: 'skipped'; needs: string }
);

/** Sees every reply together with what was expected of it. */
type Witness = (expected: Expected, reply: Reply) => void;

/** Tries one case: its steps in order, up to the first whose reply is not what it must be. */
export async function runCase(
  endpoint: Endpoint,
  { name, needs, steps }: TokenCase,
  atHand: AtHand,
  witness: Witness = () => {},
): Promise<Row> {
  const lack = findLack(needs, atHand);
  if (lack !== null) return { name, result: 'skipped', needs: lack };
  let placeholders = placeholdersFor(atHand);
  for (const [index, step] of steps.entries()) {
    const { keep, ...rest } = step;
    const { expected, ...question } = fill(rest, placeholders);
    const failed = { name, result: 'failed', step: index + 1, expected: summaryOfExpected(step.expected) } as const;
    try {
      const reply = await exchange(endpoint, question);
      const kept = keptFrom(reply, keep);
      placeholders = { ...placeholders, ...kept };
      witness(expected, reply);
      const isWhole = Object.keys(keep ?? {}).every((name) => name in kept);
      if (!isMet(expected, reply, atHand.user?.key) || !isWhole) {
        return { ...failed, got: told(reply, expected, placeholders) };
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return { ...failed, got: `no answer: ${error.message}` };
    }
  }
  return { name, result: 'ok' };
}

function told(reply: Reply, { headers = {} }: Expected, placeholders: Placeholders): string {
  return summaryOf(reply, secretsIn(placeholders), Object.keys(headers));
}
