import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { recordOutput } from '../recorder.ts';
import { describeWith } from '../tools.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;
const ESCAPE = '\u001b';
const ENTER = '\r';

/**
 * What a person sees of this command at a terminal of so many columns, who types each answer when its question has
 * come up.
 */
async function atTerminal(parts: string[], columns: number, answers: [question: string, answer: string][] = []) {
  const { PATH = '', HOME = '' } = process.env;
  const command = [process.execPath, CLI, ...parts].map((part) => `'${part}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols ${columns}; exec ${command}`, '/dev/null'], {
    env: { PATH, HOME, TERM: 'xterm', ...world.env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let screen = '';
  let read = 0;
  const left = [...answers];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    screen += text;
    const [next] = left;
    const at = next ? screen.indexOf(next[0], read) : -1;
    if (!next || at < 0) return;
    left.shift();
    read = at + next[0].length;
    // Until the prompt has drawn itself it does not read.
    setImmediate(() => child.stdin.write(next[1]));
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  recordOutput(screen);
  return { code, screen, text: stripVTControlCharacters(screen).replaceAll('\r', '\n'), unasked: left };
}

describeWith(['script', 'stty'], 'at a terminal', () => {
  it('asks for a new password twice, unseen, and tells at once that a name is taken', async () => {
    const typed: [string, string][] = [
      ['Password', PASSWORD + ENTER],
      ['Password (again)', PASSWORD + ENTER],
    ];
    const made = await atTerminal(['user', 'create', 'typed'], 80, typed);
    expect(made).toMatchObject({ code: 0, unasked: [] });
    expect(made.text).toContain('Created user typed.');
    expect(made.screen).not.toContain(PASSWORD.slice(0, 3));
    const again = await atTerminal(['user', 'create', 'TYPED'], 80);
    expect(again).toMatchObject({ code: 1 });
    expect(again.text.trim()).toBe('A user with that username already exists.');
  });

  it('does nothing when the two passwords differ', async () => {
    const differ: [string, string][] = [
      ['Password', PASSWORD + ENTER],
      ['Password (again)', `${PASSWORD}!${ENTER}`],
    ];
    const { code, text } = await atTerminal(['user', 'create', 'unsure'], 80, differ);
    expect({ code, said: text.trim().split('\n').at(-1) }).toEqual({
      code: 1,
      said: 'The two passwords differ. Nothing was done; try again.',
    });
    expect(await world.database.user.count({ where: { usernameKey: 'unsure' } })).toBe(0);
  });

  it('deletes a user for a yes alone', async () => {
    await world.makeUser('leaving');
    const no = await atTerminal(['user', 'delete', 'leaving'], 80, [['Delete user leaving', 'n']]);
    expect({ code: no.code, unasked: no.unasked }).toEqual({ code: 1, unasked: [] });
    expect(await world.database.user.count({ where: { usernameKey: 'leaving' } })).toBe(1);
    const yes = await atTerminal(['user', 'delete', 'leaving'], 80, [['Delete user leaving', 'y']]);
    expect({ code: yes.code, said: yes.text.trim().split('\n').at(-1) }).toEqual({
      code: 0,
      said: 'Deleted user leaving, and 1 token with it.',
    });
  });

  it('cuts a table to the width of the terminal', async () => {
    await world.makeUser(`long${'g'.repeat(80)}`);
    for (const columns of [60, 300]) {
      const { code, text } = await atTerminal(['user', 'list', '--search', 'long'], columns);
      expect(code).toBe(0);
      expect(text.split('\n').filter((line) => line.length > columns)).toEqual([]);
      expect(text.includes('Cut to the width of the terminal')).toBe(columns === 60);
    }
  });

  it('shows a bar while tokens are backfilled', async () => {
    await world.database.$executeRaw`
      INSERT INTO "User" ("username", "usernameKey") SELECT 'bar' || n, 'bar' || n FROM generate_series(1, 3000) n`;
    const { code, screen, text } = await atTerminal(['token', 'backfill'], 100);
    expect(code).toBe(0);
    expect(screen).toContain('━');
    expect(text).toMatch(/3,000 made/);
    expect(text).toContain('Made 3,000 tokens: every user has a login token.');
  });

  it('marks what check finds', async () => {
    const { screen } = await atTerminal(['check'], 100);
    expect(screen).toContain(`${ESCAPE}[32m✓`);
  });
});
