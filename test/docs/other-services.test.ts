import { expect, it } from 'vitest';
import { playOnServer } from './printed.ts';

it('shows what a service asks and is answered, as it is printed', async () => {
  const { answers, shown } = await playOnServer('docs/guides/other-services.md', 'other-services');
  // Instants and ids differ from run to run.
  const steady = (text: string) => text.replaceAll(/"(exp|iat|sub|jti)":("[^"]+"|\d+)/g, '"$1":…');
  expect(shown.map(steady)).toEqual(answers.flatMap((answer) => answer.split('\n')).map(steady));
}, 90_000);
