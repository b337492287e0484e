import { styleText } from 'node:util';
import { harmless } from '../harmless.ts';
import { countOf } from '../words.ts';
import type { Finding, Level } from './finding.ts';

const SYMBOLS = { ok: '✓', warning: '▲', wrong: '✗' } as const satisfies Record<Level, string>;
const COLOURS = { ok: 'green', warning: 'yellow', wrong: 'red' } as const satisfies Record<Level, string>;
const LEVEL_WIDTH = 'warning'.length;
const SUBJECT_WIDTH = 'configuration'.length;

/**
 * One finding, newline included: a symbol and broken lines for a terminal so many columns wide, one line of plain words
 * for anything else (null).
 */
export function writeFinding({ level, subject, message, remedy }: Finding, columns: number | null): string {
  const text = harmless(remedy === undefined ? message : `${message} ${remedy}`);
  const label = subject.padEnd(SUBJECT_WIDTH);
  if (columns === null) return `${level.padEnd(LEVEL_WIDTH)}  ${label}  ${text}\n`;
  const margin = `${SYMBOLS[level]} ${label}  `.length;
  const lines = wrap(text, Math.max(columns - margin, 20));
  return `${styleText(COLOURS[level], SYMBOLS[level])} ${label}  ${lines.join(`\n${' '.repeat(margin)}`)}\n`;
}

/** The last line: whether the server is fit to serve. */
export function writeVerdict(findings: readonly Finding[], columns: number | null): string {
  const wrongs = findings.filter(({ level }) => level === 'wrong').length;
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  const level = wrongs > 0 ? 'wrong' : warnings > 0 ? 'warning' : 'ok';
  const text = {
    ok: 'Fit to serve.',
    warning: `Fit to serve, with ${countOf(warnings, 'warning')}.`,
    wrong: `Not fit to serve: ${countOf(wrongs, 'thing')} ${wrongs === 1 ? 'is' : 'are'} wrong.`,
  }[level];
  return `${columns === null ? text : styleText(COLOURS[level], text)}\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
