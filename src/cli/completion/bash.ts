import { type CompletedCommand, offered, quoted, stepsOf, valuedFlagsOf } from './commands.ts';

/** A script for bash 3.2 and later, which needs no other package there. Nothing that was typed is ever evaluated. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# bash completion for tessera
_tessera() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' operands=0 index word words='' IFS=$' \\t\\n'
  # Readline takes --option=value apart.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case "\${command:+$command }$word" in
${stepsOf(commands)
  .map((step) => `      ${quoted(step)}) command=${quoted(step)}; continue ;;`)
  .join('\n')}
    esac
    case "$command $word" in
${valuedFlagsOf(commands)
  .map((flag) => `      ${quoted(flag)}) ((index += 1)); [[ \${COMP_WORDS[index]} == '=' ]] && ((index += 1)) ;;`)
  .join('\n')}
      *' -'*) ;;
      *) ((operands += 1)) ;;
    esac
  done
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
    *)
      if [[ $current == -* ]]; then
        case $command in
${commands.map(({ path, options }) => `          ${quoted(path)}) words=${quoted(options.map(offered).join(' '))} ;;`).join('\n')}
        esac
      else
        case "$command $operands" in
${commands.flatMap(operandCases).join('\n')}
        esac
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _tessera tessera
`;
}

function valueCases({ path, options }: CompletedCommand): string[] {
  const valued = options.filter(({ takesValue }) => takesValue);
  return valued.map(
    ({ flags, choices }) =>
      `    ${flags.map((flag) => quoted(`${path} ${flag}`)).join('|')}) words=${quoted(choices.join(' '))} ;;`,
  );
}

function operandCases({ path, commands, operands }: CompletedCommand): string[] {
  const places = commands.length > 0 ? [commands.map(({ word }) => word)] : operands;
  return places
    .map((words, place) => ({ words, place }))
    .filter(({ words }) => words.length > 0)
    .map(({ words, place }) => `          ${quoted(`${path} ${place}`)}) words=${quoted(words.join(' '))} ;;`);
}
