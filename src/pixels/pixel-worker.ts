import { parentPort } from 'node:worker_threads';

import { PixelError } from '../core/ports/pixel-codec.ts';
import { encodeJob } from './encode-job.ts';
import { withImageFile } from './image-file.ts';
import type { PixelJob, PixelJobResults, WorkerReply } from './jobs.ts';
import { renderJob } from './render-job.ts';
import { transcodeJob } from './transcode-job.ts';

/*
 * The thread that decodes. One job at a time: the pool sends the next one only after the answer.
 */

function perform(job: PixelJob): Promise<PixelJobResults[PixelJob['kind']]> {
  switch (job.kind) {
    case 'decode':
      return withImageFile(job.source, (file) => file.decode(job.frame));
    case 'encode':
      return encodeJob(job.source, job.frame, job.transferSyntaxUid);
    case 'transcode':
      return transcodeJob(job.source, job.transferSyntaxUid, job.targetPath, () =>
        parentPort?.postMessage({ kind: 'alive' } satisfies WorkerReply),
      );
    case 'render':
      return renderJob(job.source, job.frame, job.window);
  }
}

function answer(reply: WorkerReply): void {
  // Memory of its own is handed over in place of a copy.
  const bytes = reply.kind === 'done' ? largeBytesOf(reply.result) : undefined;
  const isWhole = bytes !== undefined && bytes.byteLength === bytes.buffer.byteLength;
  parentPort?.postMessage(reply, isWhole && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : []);
}

function largeBytesOf(result: PixelJobResults[PixelJob['kind']]): Uint8Array | undefined {
  if ('samples' in result) return result.samples;
  return typeof result.bytes === 'number' ? undefined : result.bytes;
}

parentPort?.on('message', (job: PixelJob) => {
  perform(job).then(
    (result) => answer({ kind: 'done', result }),
    (error: unknown) => {
      if (error instanceof PixelError) answer({ kind: 'refused', code: error.code, message: error.message });
      else answer({ kind: 'failed', message: error instanceof Error ? error.message : 'unknown fault' });
    },
  );
});
