import { type CompletedCommand, stepsOf, valuedFlagsOf } from './commands.ts';

/** A script for fish 3.0 and later. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  return `# fish completion for tessera
function __tessera_at --description 'Whether what is typed so far has come to this command, with so many operands'
    set -l command ''
    set -l operands 0
    set -l is_value 0
    for word in (commandline -opc)[2..-1]
        if test $is_value = 1
            set is_value 0
            continue
        end
        set -l step (string trim -- "$command $word")
        if contains -- $step ${listOf(stepsOf(commands))}
            set command $step
        else if contains -- "$command $word" ${listOf(valuedFlagsOf(commands))}
            set is_value 1
        else if not string match -q -- '-*' $word
            set operands (math $operands + 1)
        end
    end
    test "$command" = "$argv[1]"; and begin
        not set -q argv[2]; or test $operands = $argv[2]
    end
end
complete -c tessera -e
complete -c tessera -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ path, commands, options, operands }: CompletedCommand): string[] {
  const below = commands.map(({ word, about }) => `${at(path, 0)} -a ${word} -d ${quoted(about)}`);
  const flags = options.map(({ flags, about, takesValue, choices }) => {
    const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
    const values = takesValue ? ` -x${choices.length > 0 ? ` -a ${quoted(choices.join(' '))}` : ''}` : '';
    return `${at(path)} ${names.join(' ')}${values} -d ${quoted(about)}`;
  });
  const values = operands
    .map((words, place) => ({ words, place }))
    .filter(({ words }) => words.length > 0)
    .map(({ words, place }) => `${at(path, place)} -a ${quoted(words.join(' '))}`);
  return [...below, ...flags, ...values];
}

function at(path: string, operands?: number): string {
  return `complete -c tessera -n ${quoted(`__tessera_at ${quoted(path)}${operands === undefined ? '' : ` ${operands}`}`)}`;
}

function listOf(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

// In fish a backslash and a quote can be escaped inside single quotes.
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
