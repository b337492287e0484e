import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Pairs } from '../../../src/conformance/at-hand.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

interface PeerUser {
  username: string;
  password: string;
  isActive: boolean;
}

interface Started {
  port: number;
  /** By username. */
  keys: Record<string, string>;
  /** Of sessions that are open, by username. */
  cookies: Record<string, string>;
  /** One that has expired, and one whose user became inactive after he got it. */
  pairs: Pairs;
}

/** The Python that has Django REST framework and simplejwt, or null: Debian's package is for Debian's own. */
export function findPython(): string | null {
  const candidates = ['python3', '/usr/bin/python3'];
  return (
    candidates.find(
      (each) =>
        spawnSync(each, [
          '-c',
          'import rest_framework, importlib.util as u; exit(u.find_spec("rest_framework_simplejwt") is None)',
        ]).status === 0,
    ) ?? null
  );
}

/** Django REST framework on a free port, with these users; `stop` ends it and leaves nothing. */
export async function startDjango(python: string, users: PeerUser[]) {
  const directory = mkdtempSync(join(tmpdir(), 'tessera-django-'));
  const { PATH = '' } = process.env;
  const child = spawn(python, ['serve.py'], {
    cwd: HERE,
    env: { PATH, PEER_DATABASE: join(directory, 'peer.sqlite3'), PYTHONDONTWRITEBYTECODE: '1' },
  });
  const finished = new Promise((resolve) => child.on('close', resolve));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  child.stdin.on('error', () => {}).write(`${JSON.stringify(users)}\n`);
  const line = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  async function stop(): Promise<void> {
    child.kill('SIGKILL');
    await finished;
    rmSync(directory, { recursive: true, force: true });
  }
  const first = await Promise.race([line, finished]);
  if (typeof first !== 'string') {
    await stop();
    throw new Error(`Django did not start:\n${errors}`);
  }
  const { port, ...inHand } = JSON.parse(first) as Started;
  return { origin: `http://127.0.0.1:${port}`, ...inHand, stop };
}
