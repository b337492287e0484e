import { expect, it } from 'vitest';
import { OperatorError } from '../../src/errors.ts';
import { createCalls } from '../../src/workers/calls.ts';

function pair(answers: Parameters<typeof createCalls>[1]) {
  const one = createCalls((message) => other.hear(structuredClone(message)), {});
  const other = createCalls((message) => one.hear(structuredClone(message)), answers);
  return one;
}

it('gives each the answer to what he has asked', async () => {
  const calls = pair({ double: async (n: number) => n * 2 });
  expect(await Promise.all([calls.ask('double', 2), calls.ask('double', 3)])).toEqual([4, 6]);
});

it('tells what went wrong, and whether it was to be expected', async () => {
  const calls = pair({
    refuse: () => Promise.reject(new OperatorError('PORT is in use.')),
    break: () => Promise.reject(new Error('broken')),
  });
  await expect(calls.ask('refuse')).rejects.toThrow(new OperatorError('PORT is in use.'));
  await expect(calls.ask('refuse')).rejects.toBeInstanceOf(OperatorError);
  await expect(calls.ask('break')).rejects.not.toBeInstanceOf(OperatorError);
});

it('lets nobody wait for a process that has ended, and hears nothing that it has not said', async () => {
  const calls = createCalls(() => {}, {});
  const before = calls.ask('anything');
  calls.hear({ type: 'of another program' });
  calls.hear(null);
  calls.hear({ tessera: 'answer', id: 99, answer: 'to nobody' });
  calls.end(new Error('gone'));
  await expect(before).rejects.toThrow('gone');
  await expect(calls.ask('anything')).rejects.toThrow('gone');
});
