import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { tessera } from '../program.ts';
import { describeWith } from '../tools.ts';

/** A port where a PostgreSQL server would agree to TLS, with a certificate that nobody has signed. */
async function unsignedServer(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost'];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...what, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('S');
      const secured = new TLSSocket(socket, { isServer: true, key: readFileSync(key), cert: readFileSync(cert) });
      secured.on('error', () => {});
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describeWith(['openssl'], 'a database server that speaks TLS', () => {
  it('is not trusted with a certificate that nobody known has signed, and the remedy is named', async () => {
    const port = await unsignedServer();
    const env = {
      DATABASE_URL: `postgresql://u:hidden@localhost:${port}/x?sslmode=verify-full`,
      TOKEN_SECRETS: 't'.repeat(32),
      NODE_ENV: 'test',
    };
    const { code, stdout, stderr } = await tessera(['migrate'], env);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'DATABASE_URL cannot be connected to (self-signed certificate): nobody known has signed its certificate. ' +
        'Name its authority by sslrootcert.\n',
    });
  });
});
