import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { describeWith } from '../tools.ts';

const run = promisify(execFile);
const unit = readFileSync(new URL('../../docs/guides/deployment/tessera.service', import.meta.url), 'utf8');

describeWith(['systemd-analyze'], 'the systemd unit', () => {
  let path: string;
  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'tessera-unit-'));
    path = join(folder, 'tessera.service');
    // Programs that are surely there; everything else as it is printed.
    writeFileSync(path, unit.replaceAll(/^(Exec\w+)=\/usr\/bin\/\w+/gm, `$1=${process.execPath}`));
    return () => rmSync(folder, { recursive: true });
  });

  it('is one that systemd understands to the letter', async () => {
    expect(await run('systemd-analyze', ['verify', path])).toEqual({ stdout: '', stderr: '' });
  });

  it('exposes little: systemd rates it below 1.5 of 10', async () => {
    await run('systemd-analyze', ['security', '--offline=true', '--threshold=15', '--no-pager', path]);
  });
});
