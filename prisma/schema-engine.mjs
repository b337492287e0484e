#!/usr/bin/env node
// Prisma's schema engine as the Prisma command line wants to spawn it (prisma.config.ts), without the download: the
// WebAssembly build of the same engine, answering JSON-RPC on stdio, one message a line.
// Source: prisma-engines, schema-engine/cli; the caller's side is node_modules/prisma/build/cli.js.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrationDatabase } from './schema-engine/migration-database.mjs';
import { panic, startEngine, version } from './schema-engine/wasm-engine.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    datamodels: { type: 'string', multiple: true, default: [] },
    datasource: { type: 'string' },
    'enabled-preview-features': { type: 'string' },
    'extension-types': { type: 'string' },
    version: { type: 'boolean' },
  },
});
const url = options.datasource === undefined ? undefined : JSON.parse(options.datasource).url;

/** How the Prisma command line calls what PostgreSQL, or the socket, says to a connection. */
const PRISMA_CODES = {
  '28P01': 'P1000',
  28000: 'P1010',
  '3D000': 'P1003',
  ECONNREFUSED: 'P1001',
  ENOTFOUND: 'P1001',
  ETIMEDOUT: 'P1002',
};

if (options.version) process.stdout.write(`schema-engine-cli ${version()}\n`);
else if (positionals[0] === 'cli') await runCommand(positionals[1]);
else await serve();

/** One check or act on the database by itself; a failure is told as the command line parses it, and exits 1. */
async function runCommand(name) {
  logLine('INFO', { message: `Running ${name}` });
  try {
    if (name === 'can-connect-to-database') await canConnect();
    else if (name === 'create-database') await createDatabase();
    else throw new Error(`The schema engine of this project has no command "${name}"`);
  } catch (error) {
    logLine('ERROR', { message: error.message, error_code: PRISMA_CODES[error.code] });
    process.exitCode = 1;
  }
}

async function canConnect() {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.end();
}

async function createDatabase() {
  const wanted = new URL(url);
  const name = decodeURIComponent(wanted.pathname.slice(1));
  wanted.pathname = '/postgres';
  const client = new pg.Client({ connectionString: wanted.href });
  try {
    await client.connect();
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** Answers requests until stdin ends. Requests are handled one after the other: they share one connection. */
async function serve() {
  const database = migrationDatabase(url);
  const datamodels = await Promise.all(options.datamodels.map(async (path) => [path, await readFile(path, 'utf8')]));
  let engine;
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    // No method: the answer to a "print" of ours.
    if (method === undefined) continue;
    try {
      engine ??= await Promise.race([startEngine(datamodels, database.adapterFactory), panic]);
      send({ id, result: (await Promise.race([answer(engine, method, params), panic])) ?? {} });
    } catch (error) {
      // The WebAssembly engine tells no code, only the message.
      send({ id, error: { code: 4466, message: error.message, data: { is_panic: false, message: error.message } } });
    }
  }
  await database.close();
}

async function answer(engine, method, params) {
  if (method === 'getDatabaseVersion') return engine.version();
  if (typeof engine[method] !== 'function') {
    throw new Error(`The WebAssembly schema engine has no method "${method}"`);
  }
  const result = await engine[method](params);
  // The native engine leaves printing a diff to its caller, and keeps it out of the answer.
  if (method === 'diff' && result.stdout) {
    send({ id: 0, method: 'print', params: { content: result.stdout } });
    return { exitCode: result.exitCode };
  }
  return result;
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function logLine(level, fields) {
  process.stderr.write(`${JSON.stringify({ level, target: 'schema_engine::logger', fields })}\n`);
}
