import cliTruncate from 'cli-truncate';
import { harmless } from './harmless.ts';

const GAP = '  ';

/** What is said where a table did not fit. */
export const CUT = 'Cut to the width of the terminal: --json shows all.';

export interface Table {
  text: string;
  /** Whether anything was cut to make it fit. */
  isCut: boolean;
}

/**
 * Rows under their heads, in columns as wide as what stands in them. Where all that is wider than the terminal, the
 * widest columns are cut; null, for no terminal, cuts nothing. Cells are made harmless; each line ends with a newline.
 */
export function table(heads: readonly string[], rows: readonly string[][], terminalColumns: number | null): Table {
  const lines = [heads, ...rows].map((cells) => cells.map(harmless));
  const wanted = heads.map((_, column) => Math.max(...lines.map((cells) => widthOf(cells[column] ?? ''))));
  const widths = terminalColumns === null ? wanted : fairWidths(wanted, terminalColumns - gapsOf(heads));
  const isCut = widths.some((width, column) => width < (wanted[column] ?? 0));
  const text = lines
    .map((cells) => cells.map((cell, column) => padded(cliTruncate(cell, widths[column] ?? 0), widths[column] ?? 0)))
    .map((cells) => cells.join(GAP).trimEnd())
    // Of a terminal that is narrower than the gaps.
    .map((line) => `${terminalColumns === null ? line : cliTruncate(line, terminalColumns)}\n`)
    .join('');
  return { text, isCut };
}

/** How wide the terminal behind this stream is; null when it is none. */
export function terminalColumns(stream: { isTTY?: boolean; columns?: number }): number | null {
  return stream.isTTY ? stream.columns || 80 : null;
}

/** The widest columns cut to one common width, so that all together take no more than `space`; the others whole. */
export function fairWidths(wanted: readonly number[], space: number): number[] {
  let left = Math.max(space, 0);
  const widths = [...wanted];
  const narrowestFirst = [...wanted.keys()].sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  narrowestFirst.forEach((column, done) => {
    const share = Math.floor(left / (wanted.length - done));
    const width = Math.min(wanted[column] ?? 0, share);
    widths[column] = width;
    left -= width;
  });
  return widths;
}

function gapsOf(heads: readonly string[]): number {
  return GAP.length * (heads.length - 1);
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(width - widthOf(text), 0));
}

/** How many columns the text takes; only cli-truncate knows, and it says no more than whether a text fits. */
function widthOf(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let tooNarrow = 0;
  let wideEnough = 1;
  while (!fits(text, wideEnough)) {
    tooNarrow = wideEnough;
    wideEnough *= 2;
  }
  while (wideEnough - tooNarrow > 1) {
    const middle = Math.floor((tooNarrow + wideEnough) / 2);
    if (fits(text, middle)) wideEnough = middle;
    else tooNarrow = middle;
  }
  return wideEnough;
}

function fits(text: string, width: number): boolean {
  return cliTruncate(text, width) === text;
}
