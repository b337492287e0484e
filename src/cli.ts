#!/usr/bin/env node
import { CommanderError } from 'commander';
import { exitWithError } from './cli/exit.ts';
import { createProgram } from './cli/program.ts';

const USAGE_ERROR = 2;

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has said what is wrong; asking for help is not.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : USAGE_ERROR);
  exitWithError(error);
}
