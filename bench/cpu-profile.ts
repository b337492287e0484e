import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

const SRC = new URL('../src/', import.meta.url).href;
const PROFILER = new URL('profiler.mjs', import.meta.url).href;

interface CallFrame {
  functionName: string;
  /** '0': V8 itself, or native code. */
  scriptId: string;
  url: string;
  lineNumber: number;
  columnNumber: number;
}

/** As V8's profiler writes it: what stood on the stack at each sample, and the time between them in microseconds. */
export interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

export const KINDS = [
  'src',
  'libraries',
  'Node’s own',
  'native functions, system calls',
  'garbage collection',
  'V8, the event loop',
] as const;

interface Place {
  kind: (typeof KINDS)[number];
  /** A file of ours, a package, a part of Node, or a function that is none of JavaScript’s. */
  name: string;
}

/** A function as it was called from all above it; its time is that of all below it too. */
export interface Call extends Place {
  function: string;
  micros: number;
  selfMicros: number;
  calls: Call[];
}

/** The tree of calls of a profile, without the time in which nothing was to be done, and without what records it. */
export function callsOf({ nodes, samples, timeDeltas }: CpuProfile): Call {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const selfMicros = new Map<number, number>();
  samples.forEach((id, place) => {
    selfMicros.set(id, (selfMicros.get(id) ?? 0) + (timeDeltas[place] ?? 0));
  });
  function callOf(id: number): Call[] {
    const node = byId.get(id);
    if (!node || node.callFrame.functionName === '(idle)' || node.callFrame.url === PROFILER) return [];
    const calls = (node.children ?? []).flatMap(callOf);
    const self = selfMicros.get(id) ?? 0;
    const micros = calls.reduce((sum, call) => sum + call.micros, self);
    const name = node.callFrame.functionName || '(anonymous)';
    return [{ ...placeOf(node.callFrame), function: name, micros, selfMicros: self, calls }];
  }
  const [root] = callOf(nodes[0]?.id ?? 0);
  if (!root) throw new Error('The profile is empty.');
  return root;
}

function placeOf({ functionName, scriptId, ...place }: CallFrame): Place {
  if (functionName === '(garbage collector)') return { kind: 'garbage collection', name: functionName };
  if (scriptId === '0' && functionName.startsWith('(')) return { kind: 'V8, the event loop', name: functionName };
  if (scriptId === '0') return { kind: 'native functions, system calls', name: functionName || '(anonymous)' };
  if (place.url.startsWith('node:')) return { kind: 'Node’s own', name: partOfNode(place.url) };
  const url = sourceOf(place);
  const library = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1)?.[1];
  if (library) return { kind: 'libraries', name: library };
  if (url.startsWith(SRC)) return { kind: 'src', name: `src/${url.slice(SRC.length)}` };
  // Made from text while running: graphql-jit’s compiled queries, WebAssembly.
  return { kind: 'libraries', name: url.startsWith('file:') ? fileURLToPath(url) : url || 'code made while running' };
}

const maps = new Map<string, SourceMap | null>();

/** The module that this was written in, where it has been put into a file with others. */
function sourceOf({ url, lineNumber, columnNumber }: Omit<CallFrame, 'functionName' | 'scriptId'>): string {
  if (!url.startsWith('file:')) return url;
  const mapUrl = new URL(`${url}.map`);
  if (!maps.has(url))
    maps.set(url, existsSync(mapUrl) ? new SourceMap(JSON.parse(readFileSync(mapUrl, 'utf8'))) : null);
  const entry = maps.get(url)?.findEntry(lineNumber, columnNumber);
  return entry && 'originalSource' in entry ? new URL(entry.originalSource, mapUrl).href : url;
}

function partOfNode(url: string): string {
  if (/^node:(internal\/)?_?http/.test(url)) return 'node:http';
  if (/^node:(net|internal\/(stream|net))|^node:(internal\/streams\/|stream)/.test(url)) return 'node:net, streams';
  return url.replace('internal/', '').split('/', 1)[0] ?? url;
}
