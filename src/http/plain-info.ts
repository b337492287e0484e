import pino, { type DestinationStream, type Logger } from 'pino';

/** Where lines go; those for information, of which each request has one, may be told by themselves. */
export interface InfoStream extends DestinationStream {
  writeInfo?(line: string): void;
}

/** Writes a line of these members, as JSON already, in which there is nothing to look for. */
export type PlainInfo = (members: string) => void;

const { symbols, levels } = pino;

/**
 * Lines as `log.info` writes them, past its serializers and the search for secrets: for the one line that each request
 * has. Whoever writes it has seen to it that no caller's text stands in it that was not redacted.
 */
export function plainInfoOf(log: Logger): PlainInfo {
  const inside = log as unknown as { [place: symbol]: unknown };
  const output = inside[symbols.streamSym as never] as InfoStream;
  const own = inside[symbols.chindingsSym as never] as string;
  const level = levels.values.info;
  return (members) => {
    if (!log.isLevelEnabled('info')) return;
    const line = `{"level":${level},"time":${Date.now()}${own},${members}}\n`;
    if (output.writeInfo) output.writeInfo(line);
    else output.write(line);
  };
}
