// Loaded into the server that is measured (`node --import`): notes its memory every ten seconds, a line of JSON each.
import { appendFileSync } from 'node:fs';

const file = process.env.BENCH_MEMORY_FILE;
setInterval(() => {
  const { rss, heapUsed } = process.memoryUsage();
  appendFileSync(file, `${JSON.stringify({ at: performance.now(), rss, heapUsed })}\n`);
}, 10_000).unref();
