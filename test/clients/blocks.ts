import { readFileSync } from 'node:fs';

export interface Block {
  /** What stands behind the language: a file's name, or a word that sets the block apart; mostly nothing. */
  name: string;
  text: string;
}

/** The code blocks of one language on a page of the documentation, named by its path from the project's root. */
export function blocksOf(page: string, language: string): Block[] {
  const markdown = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  const fences = markdown.matchAll(new RegExp(`^\`\`\`${language}(?: ([^\n]*))?\n(.*?)^\`\`\`$`, 'gms'));
  return [...fences].map(([, name = '', text = '']) => ({ name, text }));
}
