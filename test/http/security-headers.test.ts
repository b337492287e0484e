import { describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

const world = await openWorld();
const tls = world.endpointWith({ PUBLIC_URL: 'https://api.example.org' });
const POLICY = "default-src 'none'; frame-ancestors 'none'";

const ANSWERS: [string, string, RequestInit][] = [
  ['data', '/graphql?query={__typename}', {}],
  ['a refusal', '/graphql', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' }],
  ['what is not there', '/nothing', {}],
  ['introspection of a token', '/oauth/introspect', { method: 'POST' }],
  ['keys', '/.well-known/jwks.json', {}],
];

describe('what browsers are told beside every answer', () => {
  it.each(ANSWERS)('is there with %s', async (_what, path, init) => {
    const { headers } = await world.endpoint.fetch(`http://tessera.test${path}`, init);
    expect({
      type: headers.get('x-content-type-options'),
      policy: headers.get('content-security-policy'),
      referrer: headers.get('referrer-policy'),
      hsts: headers.get('strict-transport-security'),
    }).toEqual({ type: 'nosniff', policy: POLICY, referrer: 'no-referrer', hsts: null });
  });

  it('keeps them to https where clients come by it, and is no word of a request’s', async () => {
    const ask = async (to: typeof tls, headers = {}) => {
      const answer = await to.fetch('http://tessera.test/graphql?query={__typename}', { headers });
      return answer.headers;
    };
    expect((await ask(tls)).get('strict-transport-security')).toBe('max-age=31536000');
    expect((await ask(world.endpoint, { 'x-forwarded-proto': 'https' })).get('strict-transport-security')).toBeNull();
  });
});
