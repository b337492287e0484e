import { isCancel, confirm as prompt } from '@clack/prompts';
import { OperatorError } from '../errors.ts';

/** Returns when the person at the terminal agrees; throws OperatorError when he does not, or nobody is there to ask. */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new OperatorError('There is no terminal to ask for a confirmation at. Nothing was done; confirm with --yes.');
  }
  const answer = await prompt({ message: question, initialValue: false, output: process.stderr });
  if (isCancel(answer) || !answer) throw new OperatorError('Cancelled. Nothing was done.');
}
