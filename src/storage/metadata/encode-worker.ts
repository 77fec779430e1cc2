import os from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import { UnreadableError, runEncodeJob, runFindJob } from './encode-job.ts';
import type { EncodeJob, EncodedJob, FindJob, FoundBulkData } from './encode-job.ts';

/** What a thread answers to a job: which of its objects it begins, counted from 0, and then one of the others. */
export type EncodeReply =
  | { readonly kind: 'at'; readonly index: number }
  | { readonly kind: 'done'; readonly result: EncodedJob | FoundBulkData }
  | { readonly kind: 'unreadable'; readonly sopInstanceUid: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** How a thread is started. */
export interface EncodeWorkerData {
  /** Takes only what nothing else wants of the processor. */
  readonly isYielding: boolean;
}

if ((workerData as EncodeWorkerData).isYielding && process.platform === 'linux') {
  // Of this thread alone: Linux has priorities by thread.
  os.setPriority(os.constants.priority.PRIORITY_LOW);
}

function tell(index: number): void {
  const reply: EncodeReply = { kind: 'at', index };
  parentPort?.postMessage(reply);
}

async function answer(job: EncodeJob | FindJob): Promise<void> {
  try {
    const result = 'bulkDataPath' in job ? await runFindJob(job) : await runEncodeJob(job, tell);
    const reply: EncodeReply = { kind: 'done', result };
    parentPort?.postMessage(reply, 'deflated' in result ? [result.deflated.buffer] : []);
  } catch (error) {
    const reason = error instanceof Error ? describe(error.cause ?? error) : 'unknown';
    const reply: EncodeReply =
      error instanceof UnreadableError
        ? { kind: 'unreadable', sopInstanceUid: error.sopInstanceUid, reason }
        : { kind: 'failed', reason };
    parentPort?.postMessage(reply);
  }
}

/** Code or kind of an error: messages may quote what was read. */
function describe(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? `${error.name}: ${error.stack?.split('\n')[1]?.trim() ?? ''}` : 'unknown';
}

parentPort?.on('message', (job: EncodeJob | FindJob) => void answer(job));
