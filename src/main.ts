import { runServe } from './cli/serve.ts';

await runServe();
