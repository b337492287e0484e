import { type Candidate, type CompletedCommand, offered, quoted, stepsOf, valuedFlagsOf } from './commands.ts';

/** A script for zsh, to be sourced after compinit or kept as \`_tessera\` in a folder of fpath. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef tessera
_tessera() {
  local command='' word previous=\${words[CURRENT-1]} current=\${words[CURRENT]}
  local -i operands=0 index
  local -a candidates
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*}
    compset -P '*='
  fi
  for ((index = 2; index < CURRENT; index++)); do
    word=\${words[index]}
    case "\${command:+$command }$word" in
${stepsOf(commands)
  .map((step) => `      (${quoted(step)}) command=${quoted(step)}; continue ;;`)
  .join('\n')}
    esac
    case "$command $word" in
${valuedFlagsOf(commands)
  .map((flag) => `      (${quoted(flag)}) ((index += 1)) ;;`)
  .join('\n')}
      (*' -'*) ;;
      (*) ((operands += 1)) ;;
    esac
  done
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
    (*)
      if [[ $current == -* ]]; then
        case $command in
${commands.map(optionCase).join('\n')}
        esac
      else
        case "$command $operands" in
${commands.flatMap(operandCases).join('\n')}
        esac
      fi
      ;;
  esac
  (( \${#candidates} )) && _describe tessera candidates
}
if [[ \${funcstack[1]} == _tessera ]]; then
  _tessera "$@"
else
  compdef _tessera tessera
fi
`;
}

function valueCases({ path, options }: CompletedCommand): string[] {
  return options
    .filter(({ takesValue }) => takesValue)
    .map(({ flags, choices }) => {
      const patterns = flags.map((flag) => quoted(`${path} ${flag}`)).join('|');
      return `    (${patterns}) candidates=(${described(choices.map(bare))}) ;;`;
    });
}

function optionCase({ path, options }: CompletedCommand): string {
  const flags = options.map((option) => ({ word: offered(option), about: option.about }));
  return `          (${quoted(path)}) candidates=(${described(flags)}) ;;`;
}

function operandCases({ path, commands, operands }: CompletedCommand): string[] {
  const places = commands.length > 0 ? [commands] : operands.map((words) => words.map(bare));
  return places
    .map((words, place) => ({ words, place }))
    .filter(({ words }) => words.length > 0)
    .map(({ words, place }) => `          (${quoted(`${path} ${place}`)}) candidates=(${described(words)}) ;;`);
}

function bare(word: string): Candidate {
  return { word, about: '' };
}

// _describe splits at the first colon that is not escaped.
function described(candidates: readonly Candidate[]): string {
  return candidates
    .map(({ word, about }) => quoted(word.replaceAll(':', '\\:') + (about === '' ? '' : `:${about}`)))
    .join(' ');
}
