import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Started } from './program.ts';
import type { Begin, Contender, LeftOut } from './requests.ts';

const PASSWORD = 'a fine long password';
/** As better-auth.js has it for its own. */
const ORIGIN = 'http://127.0.0.1';
/** Debian's package of each module that the Django peer imports. */
const PACKAGES: Record<string, string> = {
  django: 'python3-django',
  rest_framework: 'python3-djangorestframework',
  gunicorn: 'gunicorn',
  psycopg2: 'python3-psycopg2',
};

/** Those that authenticate a request by a look-up of their own, each logged in to as its documentation says. */
export async function authenticationPeers(begin: Begin): Promise<(Contender | LeftOut)[]> {
  return [await betterAuth(begin), await djangoRest(begin)];
}

async function betterAuth(begin: Begin): Promise<Contender> {
  const server = await begin('better-auth.js', { BETTER_AUTH_SECRET: randomBytes(32).toString('hex') });
  const person = { name: 'ada', email: 'ada@example.org', password: PASSWORD };
  const reply = await post(server, '/api/auth/sign-up/email', person);
  return contender('better-auth, PostgreSQL', server, `Bearer ${reply.headers.get('set-auth-token')}`);
}

async function djangoRest(begin: Begin): Promise<Contender | LeftOut> {
  const name = 'Django REST framework, gunicorn';
  const { program, missing } = findPython();
  if (missing.length > 0) return { name, leftOut: `left out: ${missing.join(', ')} not installed` };
  const server = await begin('django-rest.py', { PEER_PASSWORD: PASSWORD, PYTHONDONTWRITEBYTECODE: '1' }, program);
  const reply = await post(server, '/login', { username: 'ada', password: PASSWORD });
  const { token } = (await reply.json()) as { token: string };
  return contender(name, server, `Token ${token}`);
}

function contender(name: string, server: Started, authorization: string): Contender {
  return { name, server, request: { headers: { authorization }, body: '{}' }, status: '200' };
}

async function post({ url }: Started, path: string, body: object): Promise<Response> {
  // better-auth refuses what `fetch` sends without an origin.
  const headers = { 'content-type': 'application/json', origin: ORIGIN };
  const reply = await fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
  return reply;
}

/** The Python that lacks least of what is needed: Debian's packages are for Debian's own, which need not come first. */
function findPython(): { program: string; missing: string[] } {
  const modules = Object.keys(PACKAGES);
  const code = 'import importlib.util as u, sys; print(*[name for name in sys.argv[1:] if not u.find_spec(name)])';
  const found = ['python3', '/usr/bin/python3'].map((program) => {
    const { status, stdout } = spawnSync(program, ['-c', code, ...modules], { encoding: 'utf8' });
    const lacking = status === 0 ? stdout.split(/\s+/).filter(Boolean) : modules;
    return { program, missing: lacking.map((module) => PACKAGES[module] ?? module) };
  });
  return found.reduce((best, each) => (each.missing.length < best.missing.length ? each : best));
}
