import { Agent, request } from 'node:http';

/**
 * Asks GraphQL over so many connections that stay open; node:http itself, for `fetch` would be what is measured.
 * What is asked unless a request says otherwise is given once.
 */
export function createClient(maxSockets: number, usual: object) {
  const agent = new Agent({ keepAlive: true, maxSockets });
  const usualText = JSON.stringify(usual);

  /** The status of the answer. */
  function ask({ url }: { url: string }, key: string, body?: object): Promise<number> {
    const text = body ? JSON.stringify(body) : usualText;
    return new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        authorization: `Token ${key}`,
      };
      request(url, { agent, method: 'POST', headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end(text);
    });
  }

  return { ask, close: () => agent.destroy() };
}
