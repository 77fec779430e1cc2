import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { openAuditLog } from './audit-log.ts';
import type { AuditLogOptions } from './audit-log.ts';

let root = '';
let folder = '';
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'audit-log-'));
  folder = path.join(root, 'audit');
});
afterEach(() => fs.rm(root, { recursive: true }));

const fixture = async (options: Partial<AuditLogOptions> = {}) => {
  const clock = createFakeClock(Date.parse('2026-03-01T23:59:59.500Z'));
  const logger = createRecordingLogger();
  return { clock, logger, log: await openAuditLog({ folder, clock, logger, ...options }) };
};
const linesOf = async (day: string): Promise<readonly Record<string, unknown>[]> => {
  const text = await fs.readFile(path.join(folder, `audit-${day}.jsonl`), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};
/** A folder in the file's place makes every write fail. */
const blocked = () => path.join(folder, 'audit-2026-03-01.jsonl');

describe('audit log', () => {
  it('writes entries within a second, numbered and timed, for its owner alone', async () => {
    const { log, clock } = await fixture();
    log.record({ event: 'object.served', peerAddress: '10.0.0.1' });
    clock.advance(100);
    log.record({ event: 'object.refused', detail: 'line\nbreak' });
    clock.advance(900);
    await vi.waitFor(async () => expect(await linesOf('2026-03-01')).toHaveLength(2));
    expect(await linesOf('2026-03-01')).toEqual([
      {
        seq: 1,
        at: '2026-03-01T23:59:59.500Z',
        event: 'object.served',
        peerAddress: '10.0.0.1',
        prev: '0'.repeat(64),
      },
      {
        seq: 2,
        at: '2026-03-01T23:59:59.600Z',
        event: 'object.refused',
        detail: 'line\nbreak',
        prev: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      },
    ]);
    expect((await fs.stat(blocked())).mode & 0o777).toBe(0o600);
    expect((await fs.stat(folder)).mode & 0o777).toBe(0o700);
    await log.close();
  });

  it('does not wait when a batch is full', async () => {
    const { log } = await fixture({ batchEntries: 3 });
    for (let count = 0; count < 3; count += 1) log.record({ event: 'object.served' });
    await vi.waitFor(async () => expect(await linesOf('2026-03-01')).toHaveLength(3));
    await log.close();
  });

  it('lets what comes while it writes wait for others again', async () => {
    const { log, clock } = await fixture({ batchEntries: 3 });
    for (let count = 0; count < 4; count += 1) log.record({ event: 'object.served' });
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    expect(await linesOf('2026-03-01')).toHaveLength(3);
    clock.advance(400);
    expect(await linesOf('2026-03-01')).toHaveLength(3);
    clock.advance(600);
    await vi.waitFor(async () => expect(await linesOf('2026-03-01')).toHaveLength(4));
    await log.close();
  });

  it('starts a file per UTC day and numbers on across files and restarts', async () => {
    const { log, clock } = await fixture();
    log.record({ event: 'a' });
    clock.advance(600);
    log.record({ event: 'b' });
    await log.close();
    const { log: again } = await fixture();
    again.record({ event: 'c' });
    await again.close();
    expect((await linesOf('2026-03-01')).map((line) => [line.seq, line.event])).toEqual([
      [1, 'a'],
      [3, 'c'],
    ]);
    expect((await linesOf('2026-03-02')).map((line) => [line.seq, line.event])).toEqual([[2, 'b']]);
  });

  it('closes a line that a crash cut short, and goes on after it', async () => {
    await fs.mkdir(folder);
    await fs.writeFile(blocked(), '{"seq":41,"event":"a"}\n{"seq":42,"eve');
    const { log } = await fixture();
    log.record({ event: 'b' });
    await log.close();
    const lines = (await fs.readFile(blocked(), 'utf8')).split('\n');
    expect(lines[1]).toBe('{"seq":42,"eve');
    expect(JSON.parse(lines[2] ?? '')).toMatchObject({ seq: 42, event: 'b' });
  });

  it('keeps entries while writing fails, says so once, and writes them when it can again', async () => {
    const onWriteFailure = vi.fn();
    const { log, clock, logger } = await fixture({ onWriteFailure });
    await fs.mkdir(blocked());
    log.record({ event: 'a' });
    await log.flush();
    await log.flush();
    expect(onWriteFailure).toHaveBeenCalledTimes(2);
    expect(logger.messages('error')).toHaveLength(1);
    await fs.rmdir(blocked());
    log.record({ event: 'b' });
    clock.advance(10_000);
    await vi.waitFor(async () => expect(await linesOf('2026-03-01')).toHaveLength(2));
    expect(logger.messages('info')).toContain('audit trail is written again');
    await log.close();
  });

  it('bounds its memory, and the file shows how many entries were given up', async () => {
    const onEntryLost = vi.fn();
    const { log } = await fixture({ maxQueuedEntries: 2, onEntryLost });
    await fs.mkdir(blocked());
    for (const event of ['a', 'b', 'c', 'd']) log.record({ event });
    await log.flush();
    expect(onEntryLost).toHaveBeenCalledTimes(2);
    await fs.rmdir(blocked());
    await log.close();
    expect(await linesOf('2026-03-01')).toMatchObject([
      { seq: 1, event: 'a' },
      { seq: 2, event: 'b' },
      { seq: 5, event: 'audit.entries_lost', detail: '2 entries were given up while writing failed' },
    ]);
  });

  it('says what is lost when it is closed while writing fails', async () => {
    const { log, logger } = await fixture();
    await fs.mkdir(blocked());
    log.record({ event: 'a' });
    await log.close();
    expect(logger.messages('error')).toContain('audit trail closed with entries unwritten');
  });
});
