import cliTruncate from 'cli-truncate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { harmless, harmlessJson } from '../../src/cli/harmless.ts';
import { fairWidths, table, terminalColumns } from '../../src/cli/table.ts';
import { shellWord } from '../../src/cli/words.ts';

const STEERING = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom('漢', '한', 'ｱ', 'ﾞ', '👩', '\u200d', '\ufe0f', '\u0301', '\u1b05', '\x1b[', 'm', '\x9b'),
  }),
);

describe('harmless', () => {
  it.each(['\u3164', '\u115f', '\u034f', '\ufe0f', '\u{e0101}'])('spells out what nobody can see: %j', (hidden) => {
    const spelt = `admin\\u{${hidden.codePointAt(0)?.toString(16)}}`;
    expect(harmless(`admin${hidden}`)).toBe(spelt);
    expect(harmlessJson(`admin${hidden}`)).not.toContain(hidden);
    expect(JSON.parse(harmlessJson(`admin${hidden}`))).toBe(`admin${hidden}`);
  });
});

describe('a table', () => {
  it('stands in columns, wide characters counted double', () => {
    const rows = [
      ['ada', 'ada@example.org', 'yes'],
      ['山田太郎', '-', 'no'],
    ];
    expect(table(['USERNAME', 'EMAIL', 'ACTIVE'], rows, 80)).toEqual({
      text: [
        'USERNAME  EMAIL            ACTIVE',
        'ada       ada@example.org  yes',
        '山田太郎  -                no',
        '',
      ].join('\n'),
      isCut: false,
    });
  });

  it('cuts the widest columns first, and to one width', () => {
    const rows = [['ada', 'a'.repeat(40), 'b'.repeat(30)]];
    expect(table(['WHO', 'LONG', 'LESS'], rows, 30)).toEqual({
      text: ['WHO  LONG          LESS', `ada  ${'a'.repeat(11)}…  ${'b'.repeat(10)}…`, ''].join('\n'),
      isCut: true,
    });
    expect(fairWidths([3, 40, 12], 40)).toEqual([3, 25, 12]);
  });

  it('cuts nothing where there is no terminal', () => {
    const long = '漢'.repeat(200);
    expect(table(['WHAT'], [[long]], null)).toEqual({ text: `WHAT\n${long}\n`, isCut: false });
    expect(terminalColumns({ columns: 40 })).toBe(null);
    expect(terminalColumns({ isTTY: true, columns: 40 })).toBe(40);
    expect(terminalColumns({ isTTY: true })).toBe(80);
  });

  it('spells out what would steer a terminal or hide', () => {
    const evil = '\x1b[31mred\x1b]0;title\x07\r\n\x9b2J\u202e\u200b\u2028\ud800';
    expect(table(['WHAT'], [[evil]], null).text).toBe(
      'WHAT\n\\u{1b}[31mred\\u{1b}]0;title\\u{7}\\u{d}\\u{a}\\u{9b}2J\\u{202e}\\u{200b}\\u{2028}\\u{d800}\n',
    );
  });

  it('is never wider than the terminal, has a line for each row, and steers nothing, whatever stands in it', () => {
    const rowsOf = (columns: number) => fc.array(fc.array(anyText, { minLength: columns, maxLength: columns }));
    const anyTable = fc.integer({ min: 1, max: 6 }).chain((columns) => fc.tuple(fc.constant(columns), rowsOf(columns)));
    fc.assert(
      fc.property(anyTable, fc.integer({ min: 1, max: 120 }), ([columns, rows], width) => {
        const { text } = table(Array(columns).fill('HEAD'), rows, width);
        const lines = text.split('\n').slice(0, -1);
        expect(lines).toHaveLength(rows.length + 1);
        expect(text).not.toMatch(STEERING);
        for (const line of lines) expect(cliTruncate(line, width)).toBe(line);
      }),
      { numRuns: 300 },
    );
  });

  it('gives every column its fair width: all of the space, none of it to a column that another could envy', () => {
    const wanted = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(wanted, fc.integer({ min: -5, max: 200 }), (wishes, space) => {
        const widths = fairWidths(wishes, space);
        const sum = (numbers: number[]) => numbers.reduce((all, each) => all + each, 0);
        expect(sum(widths)).toBe(Math.min(sum(wishes), Math.max(space, 0)));
        const cut = widths.filter((width, column) => width < (wishes[column] ?? 0));
        for (const width of cut) expect(Math.max(...widths) - width).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('JSON for a terminal', () => {
  it('means the same as it did, and steers nothing', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const json = harmlessJson({ text });
        expect(json).not.toMatch(STEERING);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
    expect(harmlessJson('\u{e0001}\x9b')).toBe('"\\udb40\\udc01\\u009b"');
  });
});

describe('a word for the shell', () => {
  it.each([
    ['ada', 'ada'],
    ['a.b@c+d-e_é', 'a.b@c+d-e_é'],
    ['o%o', "'o%o'"],
    ["it's", "'it'\\''s'"],
    ["ev\x1bil's", "$'ev\\U0000001bil\\'s'"],
    ['', "''"],
  ])('is typed so that it is taken for itself: %j', (word, typed) => {
    expect(shellWord(word)).toBe(typed);
    expect(harmless(typed)).toBe(typed);
  });
});
