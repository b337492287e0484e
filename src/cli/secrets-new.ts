import type { Command } from 'commander';
import { newSecret } from '../auth/secret.ts';
import { print } from './print.ts';

export function addSecretsNew(parent: Command): void {
  parent
    .command('new')
    .description('Print a fresh secret, good for TOKEN_SECRETS and PASSWORD_PEPPER.')
    .action(() => {
      print(`${newSecret()}\n`);
    });
}
