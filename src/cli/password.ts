import { text as readAll } from 'node:stream/consumers';
import { isCancel, password as prompt } from '@clack/prompts';
import { OperatorError } from '../errors.ts';

/** The password for a new user: from standard input when asked so, else typed twice at the terminal, unseen. */
export async function askPassword({ fromStdin }: { fromStdin: boolean }): Promise<string> {
  // One newline ends what `echo` or a file sends; any other white space is part of the password.
  if (fromStdin) return (await readAll(process.stdin)).replace(/\r?\n$/, '');
  if (!process.stdin.isTTY) {
    throw new OperatorError('There is no terminal to ask for a password at. Send it with --password-stdin.');
  }
  const first = await askOnce('Password');
  const second = await askOnce('Password (again)');
  if (first !== second) throw new OperatorError('The two passwords differ. Nothing was done; try again.');
  return first;
}

async function askOnce(message: string): Promise<string> {
  const answer = await prompt({ message, mask: '', output: process.stderr });
  if (isCancel(answer)) throw new OperatorError('Cancelled. Nothing was done.');
  return answer;
}
