import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { describe, it, onTestFinished } from 'vitest';

import { part10Of, syntheticCt } from '../../test/support/data-sets.ts';
import { realIntake } from '../../test/support/real-intake.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { temporaryFileRecords } from '../../test/support/temporary-file-records.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { customerKey } from '../core/study/instance.ts';
import { createSystemClock } from '../platform/clock.ts';
import { lookAt } from './disposal.ts';
import { FileDesk } from './file-desk.ts';
import type { FileStamp } from './file-stamp.ts';
import { WriterWatch } from './open-for-writing.ts';
import { Quarantine } from './quarantine.ts';
import { steadyNow } from './steady-now.ts';
import { WaitingFiles } from './waiting-files.ts';

const HOUR_MS = 3_600_000;

/** Files over a real store, with something that happens between the judgement on the first of them and what is done about it. */
async function setUp(afterFirstJudgement: () => Promise<void>) {
  const { dataDir, intake, index } = await realIntake();
  const inbox = await fs.mkdtemp(path.join(os.tmpdir(), 'inbox-'));
  const { records } = temporaryFileRecords();
  const clock = createSystemClock();
  let judged = 0;
  class Desk extends FileDesk {
    override async take(...args: Parameters<FileDesk['take']>): ReturnType<FileDesk['take']> {
      const taken = await super.take(...args);
      judged += 1;
      if (judged === 1) await afterFirstJudgement();
      return taken;
    }
  }
  const waiting = new WaitingFiles({
    customer: customerKey('city'),
    folder: inbox,
    concurrency: 1,
    rules: () => ({ settleMs: 0, patienceMs: HOUR_MS, isLocal: true }),
    jobOf: () => ({ after: { kind: 'delete' } }),
    desk: new Desk({
      intake,
      records,
      quarantine: await Quarantine.open(dataDir),
      clock,
    }),
    writers: new WriterWatch(inbox, steadyNow),
    clock,
    logger: createRecordingLogger(),
  });
  onTestFinished(async () => {
    await waiting.stop();
    await fs.rm(inbox, { recursive: true });
  });
  return { waiting, file: path.join(inbox, 'IM1'), index };
}

async function stampOf(file: string): Promise<FileStamp> {
  const stamp = await lookAt(file);
  if (stamp === undefined) throw new Error(`${file} is not there`);
  return stamp;
}

describe('a file that is not whole', () => {
  it('is looked at again at once where it was replaced while it was judged', async () => {
    const content = part10Of(syntheticCt({ rows: 16, columns: 16 }));
    const { waiting, file, index } = await setUp(async () => {
      await fs.writeFile(`${file}.new`, content);
      await fs.rename(`${file}.new`, file);
      waiting.offer(file, await stampOf(file));
    });
    await fs.writeFile(file, content.subarray(0, -100));
    waiting.offer(file, await stampOf(file));
    await waitUntil('it is stored', () => (index.totals().instances === 1 ? true : undefined));
  });
});
