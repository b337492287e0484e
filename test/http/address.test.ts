import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { networkOf, parseNetwork } from '../../src/auth/networks.ts';
import { createAddressOf } from '../../src/http/address.ts';

function requestFrom(remoteAddress: string | undefined, forwardedFor?: string): IncomingMessage {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe('where a request comes from', () => {
  it.each([
    ['the other end, where no proxy is trusted', [], '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['the other end, where it is no trusted proxy', ['10.0.0.0/8'], '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['what a trusted proxy has added', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['never what stands before', ['10.0.0.0/8'], '10.1.2.3', '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['never a proxy that is claimed before', ['10.0.0.0/8'], '10.1.2.3', '10.9.9.9, 198.51.100.1', '198.51.100.1'],
    ['what the first of two proxies has seen', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1, 10.0.0.7', '198.51.100.1'],
    ['a proxy, where nobody else is named', ['10.0.0.0/8'], '10.1.2.3', '10.0.0.7', '10.0.0.7'],
    ['a proxy that names nobody', ['10.0.0.0/8'], '10.1.2.3', undefined, '10.1.2.3'],
    ['a proxy that names what is no address', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1, unknown', '10.1.2.3'],
    ['an address with its port', ['127.0.0.1'], '127.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['an address of IPv6 with its port', ['127.0.0.1'], '127.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['IPv4 that is written as IPv6', ['10.0.0.0/8'], '::ffff:10.1.2.3', '::ffff:198.51.100.1', '198.51.100.1'],
    ['a network of IPv6', ['2001:db8::/32'], '2001:db8::7', '2001:dead::1', '2001:dead::1'],
    ['a trusted address of another family', ['::1'], '127.0.0.1', '198.51.100.1', '127.0.0.1'],
    ['a spelling that others read differently', ['127.0.0.1'], '127.0.0.1', '0300.0250.1', '127.0.0.1'],
  ])('is %s', (_case, proxies, remote, forwarded, expected) => {
    expect(createAddressOf(proxies)(requestFrom(remote, forwarded))).toBe(expected);
  });

  it('tells once of who speaks for others, and is not trusted to', () => {
    const noted: string[] = [];
    const addressOf = createAddressOf(['10.0.0.0/8'], (address) => noted.push(address));
    addressOf(requestFrom('203.0.113.9'));
    addressOf(requestFrom('10.0.0.1', '198.51.100.1'));
    expect(noted).toEqual([]);
    for (let n = 0; n < 3; n++) addressOf(requestFrom('203.0.113.9', '198.51.100.1'));
    expect(noted).toEqual(['203.0.113.9']);
  });

  it('is unknown without a connection', () => {
    expect(createAddressOf([])(undefined)).toBe(null);
    expect(createAddressOf([])(requestFrom(undefined))).toBe(null);
    expect(createAddressOf([])({ socket: null, headers: {} } as unknown as IncomingMessage)).toBe(null);
  });
});

describe('a network', () => {
  it.each([
    ['203.0.113.9', '::ffff:203.0.113.9', true],
    ['203.0.113.9', '203.0.113.8', false],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', true],
    ['2001:db8:1:2::1', '2001:DB8:0001:2::2', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['::1', '0:0:0:0::2', true],
  ])('tells %s and %s apart only where they are two clients', (one, other, isSame) => {
    expect(networkOf(one) === networkOf(other)).toBe(isSame);
  });

  it.each(['10.0.0.0/8', '0.0.0.0/0', '192.0.2.1', '::/0', '2001:db8::/32', '::1'])('may be %s', (text) => {
    expect(parseNetwork(text)).not.toBe(null);
  });
  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '0x0a.0.0.1',
    'example.org',
    '::1/129',
    'fe80::1%eth0',
  ])('may not be %j', (text) => {
    expect(parseNetwork(text)).toBe(null);
  });
});
