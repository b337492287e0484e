import { backfill } from './backfill.ts';
import { databaseAway } from './database-away.ts';
import { firstUse } from './first-use.ts';
import { hostileDocuments } from './hostile-documents.ts';
import { lastUsed } from './last-used.ts';
import { loginTiming } from './login-timing.ts';
import { loginsUnderLoad } from './logins-under-load.ts';
import { memory } from './memory.ts';
import { profile } from './profile.ts';
import { requests } from './requests.ts';
import { revocation } from './revocation.ts';
import { slowClients } from './slow-clients.ts';
import { soak } from './soak.ts';
import { startTimes } from './start-times.ts';
import { workers } from './workers.ts';

const benches: Record<string, () => Promise<string>> = {
  'login-timing': loginTiming,
  'start-times': startTimes,
  backfill,
  'last-used': lastUsed,
  revocation,
  requests,
  'first-use': firstUse,
  workers,
  memory,
  'logins-under-load': loginsUnderLoad,
  'hostile-documents': hostileDocuments,
  'slow-clients': slowClients,
  'database-away': databaseAway,
  soak,
};
const whenAsked = { ...benches, '--profile': profile };
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in whenAsked));
if (unknown.length > 0) {
  process.stderr.write(`There is no bench ${unknown.join(', ')}: choose from ${Object.keys(whenAsked).join(', ')}.\n`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(asked.length === 0 ? benches : whenAsked)) {
  if (asked.length === 0 || asked.includes(name)) process.stdout.write(`\n## ${name}\n\n${await bench()}\n`);
}
