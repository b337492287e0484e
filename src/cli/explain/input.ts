import { isCancel, password as prompt } from '@clack/prompts';
import { OperatorError } from '../../errors.ts';

/** What Node takes of headers, all together; no request can carry more. */
const MOST_BYTES = 16_384;

/** The credential in these words or, without any or with `-`, from standard input; null when it is too long to be sent. */
export async function readCredential(words: readonly string[]): Promise<string | null> {
  const written = words.join(' ');
  if (words.length > 0 && written !== '-') return Buffer.byteLength(written) > MOST_BYTES ? null : written;
  return process.stdin.isTTY ? ask() : readStdin();
}

async function readStdin(): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BYTES) return null;
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function ask(): Promise<string> {
  const answer = await prompt({ message: 'Key or header (unseen)', mask: '', output: process.stderr });
  if (isCancel(answer)) throw new OperatorError('Cancelled.');
  return answer;
}
