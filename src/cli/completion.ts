import { Argument, type Command } from 'commander';
import { OperatorError } from '../errors.ts';
import { print } from './print.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

const HELP = `
For this session, or for every one from the shell’s own start file:
  bash  eval "$(tessera completion bash)"
  zsh   eval "$(tessera completion zsh)"        behind compinit
  fish  tessera completion fish | source

It completes a command named tessera, and starts no process while you type.`;

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a script that completes commands and options in a shell.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { readCommands } = await import('./completion/commands.ts');
      const { bashScript } = await import('./completion/bash.ts');
      const { zshScript } = await import('./completion/zsh.ts');
      const { fishScript } = await import('./completion/fish.ts');
      const write = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
      if (!write) throw new OperatorError(`There is no completion for ${shell}.`);
      print(write(readCommands(program)));
    });
}
