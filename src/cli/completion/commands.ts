import type { Argument, Command, Option } from 'commander';

/** A word that can be completed, and what it is for. */
export interface Candidate {
  word: string;
  about: string;
}

export interface CompletedOption {
  /** As typed: `--name`, and `-n` where there is one; the first is offered. */
  flags: [string, ...string[]];
  about: string;
  takesValue: boolean;
  /** The values that can be completed; none where they are anybody's guess. */
  choices: string[];
}

/** A command as a completion script knows it. */
export interface CompletedCommand {
  /** The words that lead to it, without the program's name: `user create`; empty for the program itself. */
  path: string;
  /** The commands below it. */
  commands: Candidate[];
  options: CompletedOption[];
  /** The values of each argument in turn that can be completed. */
  operands: string[][];
}

/** The program's commands, the hidden ones left out, each with all that can follow it. */
export function readCommands(program: Command): CompletedCommand[] {
  return [...readCommand(program, '')];
}

function* readCommand(command: Command, path: string): Generator<CompletedCommand> {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const commands = below.map((each) => ({ word: safe(each.name()), about: help.subcommandDescription(each) }));
  const options = help.visibleOptions(command).map(readOption);
  yield { path, commands, options, operands: command.registeredArguments.map(choicesOf) };
  for (const each of below) {
    const childPath = path === '' ? each.name() : `${path} ${each.name()}`;
    // `help` is commander's own: what it takes is the name of a command beside it.
    if (each.name() !== 'help') yield* readCommand(each, childPath);
    else yield { path: childPath, commands: [], options: [], operands: [namesBeside(commands)] };
  }
}

function namesBeside(commands: Candidate[]): string[] {
  return commands.map(({ word }) => word).filter((word) => word !== 'help');
}

function readOption(option: Option): CompletedOption {
  const [first = option.name(), ...others] = [option.long, option.short].filter((flag) => flag !== undefined);
  return {
    flags: [safe(first), ...others.map(safe)],
    about: option.description,
    takesValue: option.required || option.optional,
    choices: (option.argChoices ?? []).map(safe),
  };
}

function choicesOf({ argChoices }: Argument): string[] {
  return (argChoices ?? []).map(safe);
}

// Words go into scripts unquoted, and are told apart by spaces there.
function safe(word: string): string {
  if (!/^[\w.:@+-]+$/.test(word)) throw new Error(`A shell cannot complete ${JSON.stringify(word)} unquoted.`);
  return word;
}

/** The spelling of an option that is offered. */
export function offered({ flags }: CompletedOption): string {
  return flags[0];
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The words by which a script finds its way: `<path> <word>` for each command below another. */
export function stepsOf(commands: readonly CompletedCommand[]): string[] {
  return commands.filter(({ path }) => path !== '').map(({ path }) => path);
}

/** `<path> <flag>` for each option behind which a value stands. */
export function valuedFlagsOf(commands: readonly CompletedCommand[]): string[] {
  return commands.flatMap(({ path, options }) =>
    options.filter(({ takesValue }) => takesValue).flatMap(({ flags }) => flags.map((flag) => `${path} ${flag}`)),
  );
}
