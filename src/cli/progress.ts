import { progress } from '@clack/prompts';
import { terminalColumns } from './table.ts';
import { countOf } from './words.ts';

const PLAIN_STEPS = 20;
// What stands beside the bar for a million users; clack leaves a copy of every line that wraps.
const WORDS_COLUMNS = 55;

/** How a long work says on standard error how far it is. */
export interface Progress {
  advance(by: number, message: string): void;
  stop(): void;
}

/** A bar on a terminal; otherwise a line for each twentieth of the whole. */
export function startProgress(total: number, noun: string): Progress {
  return process.stderr.isTTY ? bar(total, noun) : plainLines(total, noun);
}

function bar(total: number, noun: string): Progress {
  const shown = progress({
    max: total,
    size: Math.min(Math.max((terminalColumns(process.stderr) ?? 0) - WORDS_COLUMNS, 5), 40),
    output: process.stderr,
    cancelMessage: 'Stopping after this batch.',
  });
  let done = 0;
  let last = '';
  shown.start(`0 of ${countOf(total, noun)}`);
  // Clack reads the keyboard meanwhile and would answer Ctrl-C or Esc with exit(0), in the middle of a batch: without
  // its raw mode, Ctrl-C is the signal that it always is.
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  process.stdin.pause();
  return {
    advance(by, message) {
      done += by;
      last = `${done.toLocaleString('en')} of ${countOf(total, noun)}, ${message}`;
      shown.advance(by, last);
    },
    stop: () => shown.stop(last),
  };
}

function plainLines(total: number, noun: string): Progress {
  const step = Math.max(total / PLAIN_STEPS, 1);
  let done = 0;
  let steps = 0;
  return {
    advance(by, message) {
      done += by;
      if (Math.floor(done / step) === steps) return;
      steps = Math.floor(done / step);
      process.stderr.write(`${done.toLocaleString('en')} of ${countOf(total, noun)}, ${message}\n`);
    },
    stop() {},
  };
}
