import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AuditFilter, followEvents, type NamedEvent, newestEvents } from '../accounts/audit-list.ts';
import type { Database } from '../database/client.ts';
import { AuditEventKind } from '../database/generated/prisma/client.ts';
import { globalIdOf } from '../graphql/global-id.ts';
import { harmless, harmlessJson } from './harmless.ts';
import { print } from './print.ts';
import { readUserId, requireUser } from './require-user.ts';
import { EXIT_CODES, stopRequested } from './stop-requested.ts';
import { withDatabase } from './with-database.ts';

const MOST_LINES = 10_000;
const LOOK_MS = 1_000;
const KINDS = Object.values(AuditEventKind);
const KIND_WIDTH = Math.max(...KINDS.map(({ length }) => length));

interface Options {
  lines: number;
  user?: string;
  kind?: AuditEventKind;
  follow?: true;
  json?: true;
}

export function addAuditTail(parent: Command): void {
  parent
    .command('tail')
    .description('Print the newest events of the audit trail, the last one last, a line each.')
    .option('-n, --lines <number>', `so many at most (up to ${MOST_LINES})`, readLines, 20)
    .option('--user <username>', 'those that are about this user, or about one who was, by the id')
    .addOption(new Option('--kind <kind>', 'those of this kind').choices(KINDS))
    .option('-f, --follow', 'go on with those that come, until it is stopped')
    .option('--json', 'print a JSON object a line')
    .action(async ({ lines, user, kind, follow, json }: Options) => {
      const stop = follow ? stopRequested() : { signal: null };
      const write = (events: NamedEvent[]) => print(events.map(json ? jsonLine : textLine).join(''));
      await withDatabase(async ({ database }) => {
        const userId = user === undefined ? undefined : await userIdOf(database, user);
        const filter: AuditFilter = { userId, kind };
        // Before the newest are read: nothing that happens in between goes unseen.
        const following = follow ? await followEvents(database, filter) : null;
        const newest = lines === 0 ? [] : await newestEvents(database, filter, lines);
        write(newest);
        following?.skip(newest);
        while (following && !stop.signal) {
          write(await following.next());
          await sleep(LOOK_MS);
        }
      });
      if (stop.signal) process.exitCode = EXIT_CODES[stop.signal];
    });
}

/** Of a user who need not be any more, where his id is named. */
async function userIdOf(database: Database, user: string): Promise<string> {
  return readUserId(user) ?? (await requireUser(database, user)).id;
}

function textLine(event: NamedEvent): string {
  const { kind, at, userId, actorId, username, actorName, tokenId, address, userAgent, requestId } = event;
  const parts = [
    at.toISOString(),
    kind.padEnd(KIND_WIDTH),
    userId && (username ?? globalIdOf('User', userId)),
    tokenId && `token ${globalIdOf('Token', tokenId)}`,
    actorId && actorId !== userId && `by ${actorName ?? globalIdOf('User', actorId)}`,
    address && `from ${address}`,
    requestId && `request ${requestId}`,
    userAgent,
  ];
  return `${parts.filter(Boolean).map(String).map(harmless).join('  ').trimEnd()}\n`;
}

function jsonLine({ id, kind, at, userId, actorId, tokenId, username, actorName, ...sender }: NamedEvent): string {
  const { address, userAgent, requestId } = sender;
  const someone = (who: string | null, name: string | null) => who && { id: globalIdOf('User', who), username: name };
  return `${harmlessJson(
    {
      id: globalIdOf('AuditEvent', id),
      kind,
      at,
      actor: someone(actorId, actorName),
      user: someone(userId, username),
      tokenId: tokenId && globalIdOf('Token', tokenId),
      address,
      userAgent,
      requestId,
    },
    0,
  )}\n`;
}

function readLines(text: string): number {
  const lines = Number(text);
  if (!/^\d+$/.test(text) || lines > MOST_LINES) {
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${MOST_LINES}.`);
  }
  return lines;
}
