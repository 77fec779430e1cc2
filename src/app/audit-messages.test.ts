import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { openAuditLog } from '../storage/audit-log.ts';
import { dicomAuditMessage } from '../storage/dicom-audit-message.ts';
import { commandsSinceLastRun } from './audit-messages.ts';

async function trailOf(events: readonly string[]): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'audit-messages-'));
  onTestFinished(() => fs.rm(folder, { recursive: true, force: true }));
  const log = await openAuditLog({ folder, clock: createFakeClock(), logger: createRecordingLogger() });
  for (const event of events) log.record({ event, actor: 'os:anna', detail: event });
  await log.close();
  return folder;
}

it('are told at the start of what commands did since the last daemon, in their order, and of nothing else', async () => {
  const folder = await trailOf([
    'daemon.started',
    'command.started',
    'daemon.started',
    'object.served',
    'daemon.stopped',
    'command.started',
    'command.ended',
  ]);
  const commands = await commandsSinceLastRun(folder);
  expect(commands.map(({ event }) => event)).toEqual(['command.started', 'command.ended']);
  const messages = commands.map((record) => dicomAuditMessage(record, { sourceId: 'host' }) ?? '');
  expect(messages[0]).toMatch(/csd-code="110120".*UserID="os:anna"/);
  expect(messages[1]).toMatch(/csd-code="110121".*UserID="os:anna"/);
});

it('have nothing to tell of commands after a run of the daemon, or at the very first start', async () => {
  expect(await commandsSinceLastRun(await trailOf(['command.ended', 'daemon.stopped']))).toEqual([]);
  expect(await commandsSinceLastRun(await trailOf([]))).toEqual([]);
});
