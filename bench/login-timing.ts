import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database/open.ts';
import { createLog } from '../src/log.ts';
import { ask, command, inFolder, median, start, table } from './program.ts';

const ROUNDS = 100;
const WARM_UP = 5;
const LOGIN = `mutation Login($username: String!) {
  obtainAuthToken(input: { username: $username, password: "not the right one" }) { __typename }
}`;

/**
 * Whether time tells who exists: refused logins of four kinds, one after another, at the cost that users run with.
 * Shape: a table of medians in milliseconds, and each as a ratio to the unknown user's.
 */
export async function loginTiming(): Promise<string> {
  return inFolder(async (folder) => {
    const env = { DATA_DIR: folder, LOG_LEVEL: 'silent' };
    for (const username of ['wrong', 'inactive']) {
      await command(['user', 'create', username, '--password-stdin'], env, 'a fine long password');
    }
    // Made while passwords cost less: a cheaper hash must not answer sooner.
    await command(
      ['user', 'create', 'cheap', '--password-stdin'],
      { ...env, BCRYPT_COST: '10' },
      'a fine long password',
    );
    await deactivate('inactive', env);
    const server = await start(env);
    const cases = {
      unknown: 'nobody',
      'wrong password': 'wrong',
      inactive: 'inactive',
      'wrong, hash of cost 10': 'cheap',
    };
    const times: Record<string, number[]> = {};
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      for (const [name, username] of Object.entries(cases)) {
        const from = performance.now();
        await ask(server.url, LOGIN, { username });
        if (round < 0) continue;
        times[name] ??= [];
        times[name].push(performance.now() - from);
      }
    }
    await server.stop();
    const base = median(times.unknown ?? []);
    const rows = Object.entries(times).map(([name, values]) => {
      const middle = median(values);
      return [name, middle.toFixed(1), (middle / base).toFixed(3)];
    });
    return table(['refused login', 'median ms', 'ratio'], rows);
  });
}

async function deactivate(username: string, env: Record<string, string>): Promise<void> {
  const { config, secrets } = readConfig(env);
  const open = await openDatabase({ config, secrets, log: createLog(config), asServer: false });
  await open.database.user.update({ where: { usernameKey: username }, data: { isActive: false } });
  await open.close();
}
