import { expect, it } from 'vitest';
import { playQuickstart, readPage } from './docs/printed.ts';

it('has a quickstart that does what it says, as it is printed', async () => {
  const { answers, shown } = await playQuickstart('README.md');
  expect(shown).toEqual(answers.flatMap((answer) => answer.split('\n')));
}, 90_000);

it('begins with the two lines that run and test it', () => {
  const lines = [...readPage('README.md').matchAll(/^```sh\n(.*?)\n```$/gms)].map(([, text]) => text);
  expect(lines.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
});
