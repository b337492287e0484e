import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { ROOT, readPage } from './printed.ts';

const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
const pages = ['README.md', 'CONTRIBUTING.md', ...docs.map((path) => `docs/${path}`)].filter((path) =>
  path.endsWith('.md'),
);

const FENCE = /^```.*?^```$/gms;

/** The names under which GitHub makes a page's headings known. */
function anchorsOf(page: string): string[] {
  const headings = readPage(page)
    .replaceAll(FENCE, '')
    .matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function isDead(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

const program = createProgram();

describe('the pages', () => {
  it.each(pages)('%s links to what is there', (page) => {
    const text = readPage(page).replaceAll(FENCE, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !/^https?:/.test(link) && isDead(page, link))).toEqual([]);
  });

  const named = new Set(pages.flatMap((page) => commandsIn(readPage(page))));
  it.each([...named].sort())('name a command that there is: tessera %s', (command) => {
    expect(isUnderstood(command.split(/\s+/))).toBe(true);
  });
});

/** What stands behind the word `tessera` where a page shows it as something to be typed. */
function commandsIn(text: string): string[] {
  const typed = [...(text.match(FENCE) ?? []), ...text.replaceAll(FENCE, '').matchAll(/`([^`]+)`/g)].map(String);
  const lines = typed.flatMap((code) => code.replaceAll(/\\\n\s*/g, ' ').split(/[\n|;`]|&&/));
  // A page that shows how to make a command may use it.
  const made = new Set([...text.matchAll(/\.command\('([\w-]+)'\)/g)].map(([, name]) => name));
  return lines.flatMap((line) => {
    const command = /(?:^|\s)(?:npx )?(?:tessera|\S*dist\/cli\.js) ([a-z].*)$/.exec(line)?.[1];
    return command && !made.has(command.split(/\s/)[0]) ? [command.trim()] : [];
  });
}

/** Whether the program has this command, at whatever depth, and every option named with it. */
function isUnderstood(words: string[]): boolean {
  let command = program;
  for (const word of words) {
    if (command.commands.length === 0) break;
    const next = command.commands.find((known) => known.name() === word);
    if (!next) return false;
    command = next;
  }
  // With --help, which each has.
  const known = program.createHelp().visibleOptions(command);
  const options = words.join(' ').match(/--[a-z-]+/g) ?? [];
  return options.every((option) => known.some(({ long }) => long === option));
}
