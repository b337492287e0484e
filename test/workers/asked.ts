import { Agent, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { recordSecrets } from '../recorder.ts';

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is compared with what is expected of it, whole.
  body: any;
  requestId: string;
  policy: string | undefined;
}

/** A client with one connection of its own, which stays with one worker. */
export function openClient(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return (query: string, key?: string) => ask(url, query, key, agent);
}

/** The answer on a connection of its own, unless there is one to be used. */
export async function ask(url: string, query: string, key?: string, agent: Agent | false = false): Promise<Answer> {
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Token ${key}` }) };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => {
        const body = JSON.parse(text);
        recordSecrets({ query });
        recordSecrets(body);
        const { 'x-request-id': requestId, 'ratelimit-policy': policy } = response.headers;
        resolve({
          status: response.statusCode ?? 0,
          body,
          requestId: String(requestId),
          policy: policy === undefined ? undefined : String(policy),
        });
      });
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(JSON.stringify({ query }));
  });
}
