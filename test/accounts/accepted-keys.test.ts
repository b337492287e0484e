import fc from 'fast-check';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open.ts';
import { createLog } from '../../src/log.ts';
import { createEndpoint } from '../../src/serve.ts';
import { openWorld, PASSWORD } from '../world.ts';

// Whatever is done to tokens and users, in whatever order and on whichever node: the keys that are accepted are those
// that a model of a few lines says, on every node.

const START = Date.now();
const SECOND = 1_000;
const NAMES = ['default', 'laptop', 'deploy'] as const;

const world = await openWorld({ TOKEN_IDLE_LIFETIME: 'none', TOKEN_LIFETIME: 'none' });
const { clock, database, makeUser, request } = world;

type Endpoint = typeof world.endpoint;

/** One server process's worth of the program: its own pool, listener and cache, on the same database. */
interface Node {
  endpoint: Endpoint;
  settle(): Promise<void>;
}

const nodes: Node[] = [{ endpoint: world.endpoint, settle: world.changes.settle }];
// The embedded database has one owner, and so one node.
if (inject('templateUrl')) nodes.push(await openSecondNode());

async function openSecondNode(): Promise<Node> {
  const { config, secrets } = readConfig({ ...world.env, TOKEN_IDLE_LIFETIME: 'none' });
  const log = createLog({ env: 'test', logLevel: 'silent' });
  const open = await openDatabase({ config, secrets, log, asServer: true });
  afterAll(() => open.close());
  return { endpoint: createEndpoint(config, secrets, open, log, () => clock.now), settle: open.changes.settle };
}

interface ModelToken {
  id: string;
  key: string;
  owner: number;
  name: string;
  kind: 'LOGIN' | 'API';
  expiresAt: number | null;
  isSuperseded: boolean;
  isGone: boolean;
}

interface Model {
  now: number;
  isActive: boolean[];
  tokens: ModelToken[];
}

interface Real {
  users: { id: string; username: string }[];
}

const isAlive = (token: ModelToken, { now }: Model) =>
  !token.isGone && (token.expiresAt === null || now < token.expiresAt);
const isAccepted = (token: ModelToken, model: Model) => isAlive(token, model) && model.isActive[token.owner] === true;
const bearerOf = (model: Model, owner: number, name: string) =>
  model.tokens.find((each) => each.owner === owner && each.name === name && !each.isSuperseded && isAlive(each, model));

const ISSUED = '__typename ... on IssuedToken { key token { id kind } }';

async function ask(node: number, document: string, variables: Record<string, unknown>, key?: string) {
  const { endpoint } = nodes[node % nodes.length] as Node;
  const { body } = await request(document, { variables, ...(key !== undefined && { key }) }, endpoint);
  expect(body.errors, document).toBeUndefined();
  return Object.values(body.data)[0] as {
    __typename: string;
    key: string;
    token: { id: string; kind: 'LOGIN' | 'API' };
  };
}

/** Logs in, as the model says how that ends; null when it ends in a refusal. */
async function logIn(model: Model, real: Real, node: number, owner: number, name: string): Promise<ModelToken | null> {
  const { username } = real.users[owner] as Real['users'][number];
  const known = bearerOf(model, owner, name);
  const result = await ask(
    node,
    `mutation($u: String!, $p: String!, $n: String!) { obtainAuthToken(input: { username: $u, password: $p, name: $n }) { ${ISSUED} } }`,
    { u: username, p: PASSWORD, n: name },
  );
  if (!model.isActive[owner]) {
    expect(result.__typename).toBe('InvalidCredentialsError');
    return null;
  }
  if (known?.kind === 'API') {
    expect(result.__typename).toBe('ValidationError');
    return null;
  }
  expect(result.__typename).toBe('IssuedToken');
  if (known) {
    expect(result.key).toBe(known.key);
    return known;
  }
  expect(model.tokens.map(({ key }) => key)).not.toContain(result.key);
  return add(model, { result, owner, name, expiresAt: null });
}

interface Issued {
  result: { key: string; token: { id: string; kind: 'LOGIN' | 'API' } };
  owner: number;
  name: string;
  expiresAt: number | null;
}

function add(model: Model, { result, ...rest }: Issued): ModelToken {
  const token = {
    ...rest,
    id: result.token.id,
    key: result.key,
    kind: result.token.kind,
    isSuperseded: false,
    isGone: false,
  };
  model.tokens.push(token);
  return token;
}

async function expectTruth(model: Model): Promise<void> {
  for (const { settle, endpoint } of nodes) {
    await settle();
    const asked = await Promise.all(model.tokens.map(({ key }) => request('{ me { id } }', { key }, endpoint)));
    expect(asked.map(({ status }) => status === 200)).toEqual(model.tokens.map((token) => isAccepted(token, model)));
  }
}

class Step implements fc.AsyncCommand<Model, Real> {
  readonly name: string;
  readonly #run: (model: Model, real: Real) => Promise<void>;
  constructor(name: string, run: (model: Model, real: Real) => Promise<void>) {
    this.name = name;
    this.#run = run;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    await this.#run(model, real);
    await expectTruth(model);
  }
  toString = () => this.name;
}

const at = fc.nat({ max: 1 });
const owners = fc.nat({ max: 1 });
const names = fc.constantFrom(...NAMES);
const which = fc.nat({ max: 1_000 });
const pick = (model: Model, place: number) => model.tokens[place % model.tokens.length] as ModelToken;

const commands = [
  fc.tuple(at, owners, names).map(
    ([node, owner, name]) =>
      new Step(`log in as ${owner} for ${name} on ${node}`, async (model, real) => {
        await logIn(model, real, node, owner, name);
      }),
  ),
  fc.tuple(at, owners, names, fc.option(fc.integer({ min: 1, max: 30 }))).map(
    ([node, owner, name, seconds]) =>
      new Step(`make ${name} for ${owner}, ${seconds ?? 'no'} seconds, on ${node}`, async (model, real) => {
        const caller = await logIn(model, real, node, owner, 'session');
        if (!caller) return;
        const expiresAt = seconds === null ? null : model.now + seconds * SECOND;
        // A token made by hand must not keep the login token out.
        const isTaken = name === 'default' || bearerOf(model, owner, name) !== undefined;
        const result = await ask(
          node,
          `mutation($n: String!, $e: DateTime) { createToken(input: { name: $n, expiresAt: $e }) { ${ISSUED} } }`,
          { n: name, e: expiresAt === null ? null : new Date(expiresAt).toISOString() },
          caller.key,
        );
        expect(result.__typename).toBe(isTaken ? 'TokenNameTakenError' : 'IssuedToken');
        if (!isTaken) add(model, { result, owner, name, expiresAt });
      }),
  ),
  fc.tuple(at, which, fc.nat({ max: 20 })).map(
    ([node, place, overlap]) =>
      new Step(`rotate #${place}, overlap ${overlap}, on ${node}`, async (model, real) => {
        const old = pick(model, place);
        const caller = await logIn(model, real, node, old.owner, 'session');
        if (!caller) return;
        const isPossible = isAlive(old, model) && !old.isSuperseded;
        const result = await ask(
          node,
          `mutation($i: ID!, $o: Int) { rotateToken(input: { id: $i, overlapSeconds: $o }) { ${ISSUED} } }`,
          { i: old.id, o: overlap },
          caller.key,
        );
        expect(result.__typename).toBe(isPossible ? 'IssuedToken' : 'TokenNotFoundError');
        if (!isPossible) return;
        for (const each of model.tokens) {
          // One predecessor at a time.
          if (each.owner === old.owner && each.name === old.name && each.isSuperseded) each.isGone = true;
        }
        add(model, { result, owner: old.owner, name: old.name, expiresAt: old.expiresAt });
        const end = model.now + overlap * SECOND;
        old.expiresAt = old.expiresAt === null ? end : Math.min(end, old.expiresAt);
        old.isSuperseded = true;
      }),
  ),
  fc.tuple(at, which).map(
    ([node, place]) =>
      new Step(`revoke #${place} on ${node}`, async (model, real) => {
        const token = pick(model, place);
        const caller = await logIn(model, real, node, token.owner, 'session');
        if (!caller) return;
        await ask(node, 'mutation($i: ID!) { revokeToken(id: $i) { __typename } }', { i: token.id }, caller.key);
        token.isGone = true;
      }),
  ),
  fc.tuple(at, owners, fc.boolean()).map(
    ([node, owner, keepCurrent]) =>
      new Step(`revoke all of ${owner}${keepCurrent ? ' but the caller’s' : ''} on ${node}`, async (model, real) => {
        const caller = await logIn(model, real, node, owner, 'session');
        if (!caller) return;
        const document = 'mutation($k: Boolean!) { revokeAllTokens(keepCurrent: $k) { count } }';
        await ask(node, document, { k: keepCurrent }, caller.key);
        for (const token of model.tokens) {
          if (token.owner === owner && !(keepCurrent && token === caller)) token.isGone = true;
        }
      }),
  ),
  fc.tuple(owners, fc.boolean()).map(
    ([owner, isActive]) =>
      new Step(`${isActive ? 'activate' : 'deactivate'} ${owner}`, async (model, real) => {
        const { id } = real.users[owner] as Real['users'][number];
        await database.user.update({ where: { id }, data: { isActive } });
        model.isActive[owner] = isActive;
      }),
  ),
  fc.integer({ min: 1, max: 40 }).map(
    (seconds) =>
      new Step(`${seconds} seconds pass`, async (model) => {
        model.now += seconds * SECOND;
        clock.now = new Date(model.now);
      }),
  ),
  fc.tuple(which, fc.boolean()).map(
    ([place, isTruncated]) =>
      new Step(isTruncated ? 'all tokens are deleted by SQL' : `#${place} is deleted by SQL`, async (model) => {
        const token = pick(model, place);
        const [, uuid = ''] = Buffer.from(token.id, 'base64').toString().split(':');
        if (isTruncated) await database.$executeRaw`TRUNCATE "Token"`;
        else await database.$executeRaw`DELETE FROM "Token" WHERE "id" = ${uuid}::uuid`;
        for (const each of model.tokens) each.isGone ||= isTruncated || each === token;
      }),
  ),
];

async function begin(): Promise<{ model: Model; real: Real }> {
  clock.now = new Date(START);
  const made = [await makeUser(), await makeUser()];
  const tokens = made.map(({ token, key }, owner): ModelToken => {
    const id = btoa(`Token:${token.id}`);
    return { id, key, owner, name: 'default', kind: 'LOGIN', expiresAt: null, isSuperseded: false, isGone: false };
  });
  return {
    model: { now: START, isActive: [true, true], tokens },
    real: { users: made.map(({ user }) => user) },
  };
}

describe(`on ${nodes.length === 1 ? 'one node' : 'two nodes'}`, () => {
  it('accepts just the keys that it should, whatever was done before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 25 }), async (steps) => {
        await fc.asyncModelRun(begin, steps);
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});
