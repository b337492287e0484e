import { readFileSync } from 'node:fs';
import { type Call, KINDS } from './cpu-profile.ts';

/** Calls that took less of the whole are left out: nobody could see them. */
const LEAST_SHARE = 1 / 2_000;
const COLORS: Record<Call['kind'], string> = {
  src: '#f4a261',
  libraries: '#8ecae6',
  'Node’s own': '#a7c957',
  'native functions, system calls': '#c8b6ff',
  'garbage collection': '#e76f51',
  'V8, the event loop': '#ced4da',
};
const D3 = new URL('../dist/d3.min.js', import.meta.resolve('d3'));
const D3_FLAME_GRAPH = new URL('d3-flamegraph.umd.min.js', import.meta.resolve('d3-flame-graph'));

/** A page that shows who called whom for how long, and needs nothing beside itself. */
export function flameGraph(title: string, root: Call): string {
  // Within a script no text may look like the end of it.
  const data = JSON.stringify(frameOf(root, root.micros * LEAST_SHARE)).replaceAll('<', '\\u003c');
  const legend = KINDS.map((kind) => `<span style="background:${COLORS[kind]}">${kind}</span>`).join(' ');
  return `<!doctype html>
<meta charset="utf-8">
<title>${title}</title>
<style>
  body { font: 14px sans-serif; margin: 1em }
  span { padding: 0 .5em }
  .d3-flame-graph-label { font: 12px/1.5 sans-serif; margin: 0 4px; white-space: nowrap; overflow: hidden }
</style>
<h1>${title}</h1>
<p>${legend} <input type="search" placeholder="Search"></p>
<p id="details">&nbsp;</p>
<div id="chart"></div>
<script>${readFileSync(D3, 'utf8')}</script>
<script>${readFileSync(D3_FLAME_GRAPH, 'utf8')}</script>
<script>
  const share = (frame) => ((frame.x1 - frame.x0) * 100).toFixed(2) + ' %';
  const details = document.getElementById('details');
  const chart = flamegraph.default()
    .width(document.getElementById('chart').clientWidth)
    .minFrameSize(1)
    .setColorMapper((frame) => frame.highlight ? '#ff00ff' : frame.data.color)
    .setLabelHandler((frame) => frame.data.name + ' · ' + (frame.data.value / 1000).toFixed(1) + ' ms, ' + share(frame))
    .setDetailsElement(details)
    .setSearchHandler((_found, sum, all) => { details.textContent = 'found: ' + (sum / all * 100).toFixed(2) + ' %' });
  d3.select('#chart').datum(${data}).call(chart);
  document.querySelector('input').addEventListener('input', ({ target }) => target.value ? chart.search(target.value) : chart.clear());
</script>
`;
}

interface Frame {
  name: string;
  value: number;
  color: string;
  children: Frame[];
}

function frameOf({ kind, name, function: called, micros, calls }: Call, least: number): Frame {
  const seen = calls.filter((call) => call.micros >= least);
  return {
    name: called === name ? called : `${called} (${name})`,
    value: micros,
    color: COLORS[kind],
    children: seen.map((call) => frameOf(call, least)),
  };
}
