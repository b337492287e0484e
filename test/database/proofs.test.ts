import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProofs, LEASE_MS } from '../../src/database/proofs.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Proofs, and what was sent of them. */
function open() {
  const sent: string[] = [];
  const proofs = createProofs();
  const send = async (payload: string) => sent.push(payload);
  return { proofs, sent, prove: () => proofs.prove(send) };
}

it('a proof is good from when it has come in, until a lease after it was sent', async () => {
  const { proofs, sent, prove } = open();
  const proving = prove();
  vi.advanceTimersByTime(100);
  expect(proofs.areGood()).toBe(false);
  expect(proofs.takeIn(sent[0] ?? '')).toBe(true);
  await proving;
  expect(proofs.areGood()).toBe(true);
  vi.advanceTimersByTime(LEASE_MS - 101);
  expect(proofs.areGood()).toBe(true);
  vi.advanceTimersByTime(1);
  expect(proofs.areGood()).toBe(false);
});

it('a proof that comes in late does not shorten what a later one gave', () => {
  const { proofs, sent, prove } = open();
  void prove();
  vi.advanceTimersByTime(LEASE_MS);
  void prove();
  const [early = '', late = ''] = sent;
  proofs.takeIn(late);
  proofs.takeIn(early);
  expect(proofs.areGood()).toBe(true);
});

it('a proof that was sent before what was not proved says nothing of it', () => {
  const { proofs, sent, prove } = open();
  void prove();
  vi.advanceTimersByTime(10);
  proofs.discountBefore(performance.now());
  vi.advanceTimersByTime(10);
  void prove();
  const [before = '', after = ''] = sent;
  proofs.takeIn(before);
  expect(proofs.areGood()).toBe(false);
  proofs.takeIn(after);
  expect(proofs.areGood()).toBe(true);
});

it('another node’s proof is known as one, and proves nothing here; nor does one that has come in before', () => {
  const [here, there] = [open(), open()];
  void there.prove();
  expect(here.proofs.takeIn(there.sent[0] ?? '')).toBe(true);
  expect(here.proofs.areGood()).toBe(false);
  void here.prove();
  expect(here.proofs.takeIn(here.sent[0] ?? '')).toBe(true);
  vi.advanceTimersByTime(LEASE_MS);
  expect(here.proofs.takeIn(here.sent[0] ?? '')).toBe(true);
  expect(here.proofs.areGood()).toBe(false);
  expect(here.proofs.takeIn('{"table":"User"}')).toBe(false);
});

it('nothing is good, and nobody waits, when all has been forgotten', async () => {
  const { proofs, sent, prove } = open();
  void prove();
  proofs.takeIn(sent[0] ?? '');
  const waiting = prove();
  proofs.forget();
  await waiting;
  expect(proofs.areGood()).toBe(false);
  proofs.takeIn(sent[1] ?? '');
  expect([proofs.areGood(), proofs.underWay()]).toEqual([false, 0]);
});

it('one that cannot be sent is not waited for', async () => {
  const { proofs } = open();
  await expect(proofs.prove(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  expect(proofs.underWay()).toBe(0);
});
