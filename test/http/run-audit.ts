import { inFolder, start } from '../../bench/program.ts';
import { type AuditRow, audit, brokenIn } from './audit.ts';

// npm run audit:http [-- <url>]: the audit as a table, of the server at this address or of one started for it.

const [url] = process.argv.slice(2);
const rows = url ? await audit(url) : await auditOfOurs();
for (const { status, id, name, reason } of rows) {
  process.stdout.write(`${status.padEnd(6)} ${id} ${name}${reason && ` (${reason})`}\n`);
}
const broken = brokenIn(rows);
const kept = rows.filter(({ status }) => status === 'ok');
process.stdout.write(`\n${kept.length} of ${rows.length} kept; ${broken.length} MUST or SHOULD broken.\n`);
process.exitCode = broken.length === 0 ? 0 : 1;

function auditOfOurs(): Promise<AuditRow[]> {
  return inFolder(async (folder) => {
    const server = await start({ DATA_DIR: folder, LOG_LEVEL: 'silent' });
    return audit(server.url).finally(server.stop);
  });
}
