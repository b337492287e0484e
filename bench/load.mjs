// node load.mjs '<JSON of a Load>': requests over connections that stay open, as many as are answered in the time given, or `total` of them.
// Bytes that are ready beforehand, and replies that are not parsed past their length: who asks must not be what is measured.
import { connect } from 'node:net';

/** @type {{ url: string, connections: number, ms: number, total?: number, requests: { headers: Record<string, string>, body: string }[] }} */
const { url, connections, ms, total = Infinity, requests } = JSON.parse(process.argv[2]);
const { host, hostname, port, pathname } = new URL(url);
const texts = requests.map(({ headers, body }) => {
  const all = { host, 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(body) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
});
const NOTHING = Buffer.alloc(0);
const statuses = {};
let sample = null;
let next = 0;
const until = performance.now() + ms;
const from = performance.now();

function keepAsking() {
  return new Promise((resolve, reject) => {
    let kept = NOTHING;
    const ask = () => socket.write(texts[next++ % texts.length]);
    // Past the stream: what it does for each part costs as much as a fast server's answer.
    const onread = {
      buffer: Buffer.allocUnsafe(65_536),
      callback(bytes, buffer) {
        const part = buffer.subarray(0, bytes);
        const received = kept.length === 0 ? part : Buffer.concat([kept, part]);
        const length = replyLength(received);
        if (length === null || received.length < length) {
          kept = kept.length === 0 ? Buffer.from(received) : received;
          return true;
        }
        const status = received[9] * 100 + received[10] * 10 + received[11] - 5328;
        statuses[status] = (statuses[status] ?? 0) + 1;
        sample ??= received.toString('utf8', received.indexOf('\r\n\r\n') + 4, length).slice(0, 300);
        kept = received.length === length ? NOTHING : Buffer.from(received.subarray(length));
        if (performance.now() < until && next < total) ask();
        else socket.end(resolve);
        return true;
      },
    };
    const socket = connect({ port: Number(port), host: hostname, noDelay: true, onread });
    socket.on('connect', ask).on('error', reject);
  });
}

/** How long the reply at the beginning is, headers and body; null: not known yet. */
function replyLength(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const length = contentLength(bytes, end);
  if (length !== null) return end + 4 + length;
  const last = bytes.indexOf('0\r\n\r\n', end + 4);
  return last === -1 ? null : last + 5;
}

const LENGTHS = ['\r\ncontent-length: ', '\r\nContent-Length: '].map((text) => Buffer.from(text, 'latin1'));

/** By its bytes: a text made of each reply's headers would cost who asks as much as the reply costs who answers. */
function contentLength(bytes, end) {
  for (const name of LENGTHS) {
    const at = bytes.indexOf(name);
    if (at === -1 || at > end) continue;
    let length = 0;
    for (let place = at + name.length; bytes[place] >= 48 && bytes[place] <= 57; place++) {
      length = length * 10 + bytes[place] - 48;
    }
    return length;
  }
  return null;
}

await Promise.all(Array.from({ length: connections }, keepAsking));
const seconds = (performance.now() - from) / 1000;
const answered = Object.values(statuses).reduce((sum, count) => sum + count, 0);
process.stdout.write(JSON.stringify({ perSecond: answered / seconds, answered, statuses, sample }));
