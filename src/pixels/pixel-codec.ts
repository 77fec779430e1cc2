import { randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';

import type { OpenedInstance } from '../core/ports/instance-store.ts';
import { PixelError } from '../core/ports/pixel-codec.ts';
import type { PixelCodec } from '../core/ports/pixel-codec.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN_UID } from '../dicom/transfer-syntax.ts';
import { codingOf, ENCODABLE_UIDS } from './codings.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface PixelCodecOptions {
  readonly pool: WorkerPool;
  readonly spoolFolder: string;
  readonly hasSpace: () => boolean;
}

/** {@link PixelCodec} over worker threads. */
export function createPixelCodec({ pool, spoolFolder, hasSpace }: PixelCodecOptions): PixelCodec {
  let emptied: Promise<unknown> | undefined;

  /** Removes, once, what an earlier run may have left. */
  async function makeSpoolFolder(): Promise<void> {
    emptied ??= rm(spoolFolder, { recursive: true, force: true });
    await emptied;
    await mkdir(spoolFolder, { recursive: true });
  }

  async function spooled(targetPath: string): Promise<OpenedInstance> {
    const handle = await open(targetPath, 'r');
    const { size } = await handle.stat();
    return {
      bytes: size,
      async read(target, position) {
        const { bytesRead } = await handle.read(target, 0, target.length, position);
        return bytesRead;
      },
      close: () => handle.close(),
    };
  }

  return {
    canDecode: (uid) => codingOf(uid) !== undefined,
    canTranscode: (from, to) =>
      from === to ||
      (codingOf(from) !== undefined && (to === EXPLICIT_VR_LITTLE_ENDIAN_UID || ENCODABLE_UIDS.has(to))),
    decodeFrame: (source, frame, { signal } = {}) => pool.run({ kind: 'decode', source, frame }, signal),
    async encodeFrame(source, frame, transferSyntaxUid, { signal } = {}) {
      const { bytes } = await pool.run({ kind: 'encode', source, frame, transferSyntaxUid }, signal);
      return { bytes, transferSyntaxUid };
    },
    async transcode(source, transferSyntaxUid, { signal } = {}) {
      if (!hasSpace()) throw new PixelError('busy', 'The disk has no room for transcoding now.');
      await makeSpoolFolder();
      const targetPath = path.join(spoolFolder, `${randomUUID()}.dcm`);
      try {
        await pool.run({ kind: 'transcode', source, transferSyntaxUid, targetPath }, signal);
        return await spooled(targetPath);
      } finally {
        // Once opened it needs no name, and nothing is left behind by a crash.
        await rm(targetPath, { force: true });
      }
    },
    close: () => pool.close(),
  };
}
