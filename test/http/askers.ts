import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedServer } from '../program.ts';
import { recordSecret } from '../recorder.ts';
import { PASSWORD } from '../world.ts';

/** Somebody who asks one thing again and again, and judges each answer. */
export interface Asker {
  name: string;
  /** Whether it cannot be answered without the database. */
  needsDatabase: boolean;
  answers: { right: number; refused: number; wrong: string[] };
  begin(): void;
  end(): Promise<void>;
}

const NO_LOGIN = 'Unable to log in with provided credentials.';
const COLD_KEYS = 60;
const BETWEEN_MS = 5;
const CREATE = `mutation Create($name: String!) {
  createToken(input: { name: $name }) { __typename ... on IssuedToken { key } ... on Error { message } }
}`;
const LOGIN = `mutation Login($password: String!) {
  obtainAuthToken(input: { username: "ada", password: $password }) {
    __typename ... on IssuedToken { key } ... on Error { message }
  }
}`;

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** All that is asked of a server in its daily work, by ada; `away` is how it says that its database is gone. */
export async function createAskers({ url, origin }: StartedServer, away: { message: string; code: string }) {
  async function post(address: string, body: string, headers: Record<string, string>): Promise<Answer> {
    const reply = await fetch(address, { method: 'POST', body, headers });
    return { status: reply.status, headers: reply.headers, text: await reply.text() };
  }
  function ask(query: string, variables: object = {}, key?: string): Promise<Answer> {
    const credentials = key ? { authorization: `Token ${key}` } : {};
    return post(url, JSON.stringify({ query, variables }), { 'content-type': 'application/json', ...credentials });
  }
  function postForm(path: string, form: Record<string, string>, key?: string): Promise<Answer> {
    const credentials = key ? { authorization: `Token ${key}` } : {};
    return post(origin + path, new URLSearchParams(form).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      ...credentials,
    });
  }

  let made = 0;
  const keys: string[] = [];
  const key = keyIn(await ask(LOGIN, { password: PASSWORD }));
  const logIn = (password: string) => ask(LOGIN, { password });
  const create = () => ask(CREATE, { name: `made ${made++}` }, key);
  const me = (by: string) => ask('{ me { username } }', {}, by);
  for (let n = 0; n < COLD_KEYS; n++) keys.push(keyIn(await create()));
  const isMe = says(200, '{"data":{"me":{"username":"ada"}}}');

  const askers: Asker[] = [
    asker('a known key', true, () => me(key), isMe),
    asker('a key’s first use', true, withKey(me), isMe),
    asker('a forged key', false, () => me(`tsr_${'A'.repeat(43)}`), says(401, 'Invalid token.')),
    asker('a login', true, () => logIn(PASSWORD), says(200, 'IssuedToken')),
    asker('a wrong password', true, () => logIn('wrong'), says(200, NO_LOGIN)),
    asker('createToken', true, create, keepKey),
    asker('introspection', true, () => postForm('/oauth/introspect', { token: key }, key), says(200, '"active":true')),
    asker(
      'revocation',
      true,
      withKey((token) => postForm('/oauth/revoke', { token })),
      says(200),
    ),
  ];
  return { askers, key };

  function isRefused({ status, headers, text }: Answer): boolean {
    const isTold = [`"message":"${away.message}"`, `"code":"${away.code}"`].every((words) => text.includes(words));
    const isToldByOAuth = text === `{"error":"temporarily_unavailable","error_description":"${away.message}"}`;
    return status === 503 && Number(headers.get('retry-after')) > 0 && (isTold || isToldByOAuth);
  }

  function asker(
    name: string,
    needsDatabase: boolean,
    askOnce: () => Promise<Answer>,
    isRight: (answer: Answer) => boolean,
  ) {
    const answers: Asker['answers'] = { right: 0, refused: 0, wrong: [] };
    let isOver = false;
    let asking = Promise.resolve();
    async function keepAsking(): Promise<void> {
      while (!isOver) {
        const answer = await askOnce().catch((error) => ({
          status: 0,
          headers: new Headers(),
          text: String(error.cause),
        }));
        if (isRight(answer)) answers.right += 1;
        else if (needsDatabase && isRefused(answer)) answers.refused += 1;
        else answers.wrong.push(`${name}: ${answer.status} ${answer.text}`);
        await sleep(BETWEEN_MS);
      }
    }
    return {
      name,
      needsDatabase,
      answers,
      begin() {
        Object.assign(answers, { right: 0, refused: 0 });
        isOver = false;
        asking = keepAsking();
      },
      end() {
        isOver = true;
        return asking;
      },
    };
  }

  /** A key that no request has come by yet; while none can be made, the refusal of that. */
  function withKey(use: (key: string) => Promise<Answer>) {
    return async () => {
      const next = keys.shift();
      if (next !== undefined) return use(next);
      const answer = await create();
      return isRefused(answer) ? answer : use(keyIn(answer));
    };
  }

  function keepKey(answer: Answer): boolean {
    if (!says(200, '"IssuedToken"')(answer)) return false;
    keys.push(keyIn(answer));
    return true;
  }
}

/** What is a right answer: of this status, with these words in it; without words, of an empty body. */
function says(status: number, words?: string) {
  return (answer: Answer) => answer.status === status && (words ? answer.text.includes(words) : answer.text === '');
}

function keyIn({ text }: Answer): string {
  const key = /tsr_[\w-]{43}/.exec(text)?.[0];
  if (!key) throw new Error(`There is no key in ${text}`);
  recordSecret(key);
  return key;
}
