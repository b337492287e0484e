import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { bashScript } from '../../src/cli/completion/bash.ts';
import { type CompletedCommand, readCommands } from '../../src/cli/completion/commands.ts';
import { fishScript } from '../../src/cli/completion/fish.ts';
import { zshScript } from '../../src/cli/completion/zsh.ts';
import { tessera } from '../program.ts';
import { describeWith } from '../tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Shell = 'bash' | 'zsh' | 'fish';

// Each is the real shell and the real script; in bash and zsh, what readline or compsys would hand over is set by hand.
const DRIVERS: Record<Shell, string> = {
  bash: `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); complete -p tessera >/dev/null || exit 9
    _tessera; printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: `compdef() { :; }; compset() { :; }; _describe() { print -rl -- \${\${(P)2}%%:*}; }
    source "$1"; shift; words=("$@"); CURRENT=$#; _tessera`,
  fish: `source $argv[1]; complete -C (string join ' ' -- $argv[2..-1]) | string replace -r '\\t.*' ''`,
};

const ARGUMENTS: Record<Shell, string[]> = {
  bash: ['--norc', '--noprofile', '-c', DRIVERS.bash, 'bash'],
  zsh: ['-f', '-c', DRIVERS.zsh, 'zsh'],
  fish: ['--no-config', '-c', DRIVERS.fish],
};

/** What TAB offers behind these words, the last of which is being typed; sorted. */
function tab(shell: Shell, script: string, words: string[]): string[] {
  const file = join(folder, `script.${shell}`);
  writeFileSync(file, script);
  const { stdout, stderr } = spawnSync(shell, [...ARGUMENTS[shell], file, 'tessera', ...words], {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, LC_ALL: 'C.UTF-8' },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean).sort();
}

const { stdout: help } = await tessera(['--help'], {});
const topLevel = [...help.matchAll(/^ {2}([a-z]+)(?= |\n)/gm)].map(([, name]) => name);

/** A small program with everything that can be completed. */
function sample(): CompletedCommand[] {
  const program = new Command('tessera');
  const user = program.command('user').description('It’s a group: of users.');
  user
    .command('list')
    .description('List them.')
    .addOption(new Option('-s, --sort <column>', 'by what').choices(['name', 'joined']))
    .option('--after <id>', 'where to go on')
    .option('--json', 'as JSON')
    .addOption(new Option('--internal').hideHelp());
  user.command('create').argument('<username>').option('--staff', 'may administer');
  program.command('secret', { hidden: true });
  program
    .command('move')
    .addArgument(new Argument('<from>').choices(['here', 'there']))
    .argument('<to>')
    .option('--via <road>', 'how');
  return readCommands(program);
}

const WRITERS = { bash: bashScript, zsh: zshScript, fish: fishScript };

describe.each(['bash', 'zsh', 'fish'] as const)('completion in %s', (shell) => {
  describeWith([shell], 'as it is run', () => {
    it('completes the program as it is', async () => {
      const { code, stdout: script, stderr } = await tessera(['completion', shell], {});
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(tab(shell, script, [''])).toEqual([...topLevel].sort());
      expect(tab(shell, script, ['user', ''])).toEqual(expect.arrayContaining(['create', 'help']));
      expect(tab(shell, script, ['token', 'create', '--'])).toEqual(
        expect.arrayContaining(['--help', '--name', '--reset']),
      );
      expect(tab(shell, script, ['completion', ''])).toEqual(['bash', 'fish', 'zsh']);
      expect(tab(shell, script, ['secrets', ''])).toEqual(['help', 'new', 'rotate']);
    });

    it.each([
      ['values of an option', ['user', 'list', '--sort', ''], ['joined', 'name']],
      ['values of its short spelling', ['user', 'list', '-s', ''], ['joined', 'name']],
      ['no value where any will do', ['user', 'list', '--after', ''], []],
      [
        'options behind an option’s value',
        ['user', 'list', '--sort', 'name', '--'],
        ['--after', '--help', '--json', '--sort'],
      ],
      ['no user’s name', ['user', 'create', ''], []],
      ['options behind an operand', ['user', 'create', 'ada', '--'], ['--help', '--staff']],
      ['the first of two arguments', ['move', ''], ['here', 'there']],
      ['not the second by the first one’s values', ['move', 'here', ''], []],
      ['the names of commands behind help', ['help', ''], ['move', 'user']],
      ['the first argument behind an option’s value', ['move', '--via', 'there', ''], ['here', 'there']],
      ['nothing that is hidden', [''], ['help', 'move', 'user']],
      ['nothing behind a value that looks like a command', ['user', 'list', '--after', 'create', ''], []],
    ])('offers %s', (_case, words, offered) => {
      const found = tab(shell, WRITERS[shell](sample()), words);
      // It is compsys, not the script, that chooses by what is typed already in zsh.
      const begun = words.at(-1) ?? '';
      expect(found.filter((word) => word.startsWith(begun))).toEqual(offered);
    });

    it('evaluates nothing that was typed', () => {
      const script = WRITERS[shell](sample());
      const evil =
        shell === 'fish' ? ['(touch evil)'] : ['$(touch evil)', '`touch evil`', '; touch evil', '"$(touch evil)'];
      for (const word of evil) {
        tab(shell, script, ['user', word]);
        tab(shell, script, ['user', word, '']);
      }
      expect(existsSync(join(folder, 'evil'))).toBe(false);
    });
  });
});

describe('tessera completion', () => {
  it('completes --option=value in bash, which readline takes apart', () => {
    const script = bashScript(sample());
    expect(tab('bash', script, ['user', 'list', '--sort', '=', ''])).toEqual(['joined', 'name']);
    expect(tab('bash', script, ['user', 'list', '--sort', '=', 'n'])).toEqual(['name']);
    expect(tab('bash', script, ['user', 'list', '--sort', '='])).toEqual(['joined', 'name']);
    expect(tab('bash', script, ['move', '--via', '=', 'there', ''])).toEqual(['here', 'there']);
  });

  it('can be sourced twice', async () => {
    const { stdout } = await tessera(['completion', 'bash'], {});
    expect(tab('bash', `${stdout}${stdout}`, ['completion', 'b'])).toEqual(['bash']);
  });

  it('refuses another shell', async () => {
    expect(await tessera(['completion', 'csh'], {})).toEqual({
      code: 2,
      stdout: '',
      stderr:
        "error: command-argument value 'csh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n",
    });
  });

  it('refuses to write what a shell would take apart', () => {
    const program = new Command('tessera').addOption(new Option('--sort <by>').choices(['a b', '$(x)']));
    expect(() => readCommands(program)).toThrow('A shell cannot complete "a b" unquoted.');
  });
});
