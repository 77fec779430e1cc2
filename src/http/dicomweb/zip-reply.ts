import { Buffer } from 'node:buffer';
import { PassThrough, Readable } from 'node:stream';
import type { Context } from 'hono';
import { ZipFile } from 'yazl';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { BufferPool } from '../buffer-pool.ts';
import type { ObjectOpener } from '../object-opener.ts';
import { ShortContentError } from '../response-writer.ts';
import type { DicomWebEnv } from './env.ts';
import { streamReply } from './stream-reply.ts';

export interface ZipReplyOptions {
  readonly opener: ObjectOpener;
  readonly pool: BufferPool;
}

export interface ZipContent {
  /** Without extension; no patient data. */
  readonly name: string;
  /** Objects, as they are stored, series by series. Where they come as an array, the length is told in advance. */
  readonly instances: Iterable<InstanceRecord>;
  /** What the client is told of an object that cannot be read. */
  readonly problemOf: (error: unknown, instance: InstanceRecord) => unknown;
}

const READ_BYTES = 256 * 1024;
const FILE_MODE = 0o100644;

/** Sends objects in one ZIP file, not compressed: most of their bytes would not get fewer. */
export function createZipReply({ opener, pool }: ZipReplyOptions) {
  return function sendZip(c: Context<DicomWebEnv>, content: ZipContent): Promise<Response> {
    const { name, instances, problemOf } = content;
    const zip = new ZipFile();
    const output = new PassThrough();
    zip.outputStream.pipe(output);
    const nextName = createNames();
    const waiting = instances[Symbol.iterator]();
    const isPlanned = Array.isArray(instances);
    let current: Readable | undefined;
    let failure: unknown;
    let length: number | undefined;
    // The package asks for the first file as soon as it is named, which a HEAD request must not open.
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });

    const fail = (error: unknown): void => {
      failure ??= error;
      current?.destroy();
      output.destroy();
    };
    /** Adds the next object; its file is opened when its turn comes. @returns false once all are there. */
    const addNext = (): boolean => {
      const next = waiting.next();
      if (next.done === true) {
        // The package's types leave the argument out.
        const onSize = (size: number): void => void (length = size >= 0 ? size : undefined);
        zip.end({ forceZip64Format: false, comment: '' }, onSize as () => void);
        return false;
      }
      const instance = next.value;
      const { fileBytes: size, receivedAt } = instance;
      const options = { compress: false, size, mtime: new Date(receivedAt), mode: FILE_MODE };
      zip.addReadStreamLazy(nextName(instance), options, (use) => {
        void begun.then(() => {
          // Nobody would read it, nor close it.
          if (output.destroyed) return;
          if (!isPlanned) addNext();
          current = Readable.from(readObject(opener, instance), { objectMode: false });
          current.on('error', (error) => fail(problemOf(error, instance)));
          use(null, current);
        });
      });
      return true;
    };

    zip.on('error', fail);
    while (addNext() && isPlanned);
    return streamReply(c, {
      pool,
      headers: {
        'Content-Type': 'application/zip',
        'Content-Disposition': `attachment; filename="${name}.zip"`,
        ...(length !== undefined && { 'Content-Length': String(length) }),
      },
      async produce(writer) {
        begin();
        try {
          for await (const chunk of output) await writer.write(chunk as Buffer);
        } catch (error) {
          fail(error);
        }
        if (failure !== undefined) throw failure as Error;
      },
    });
  };
}

/** @throws what opening and reading throws; ShortContentError where the file ends too soon. */
async function* readObject(opener: ObjectOpener, record: InstanceRecord): AsyncGenerator<Buffer, void> {
  const opened = await opener.open(record);
  try {
    for (let at = 0; at < opened.bytes;) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, opened.bytes - at));
      const read = await opened.read(buffer, at);
      if (read === 0) throw new ShortContentError(`the file ends at byte ${at} of ${opened.bytes}`);
      at += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    await opened.close();
  }
}

/** Names of files by their place in the study: they tell nothing of the patient, and every system can store them. */
function createNames(): (instance: InstanceRecord) => string {
  let series = 0;
  let image = 0;
  let current: string | undefined;
  return function nameOf({ key }) {
    if (key.seriesInstanceUid !== current) {
      current = key.seriesInstanceUid;
      series += 1;
      image = 0;
    }
    image += 1;
    return `SE${String(series).padStart(6, '0')}/IM${String(image).padStart(6, '0')}.dcm`;
  };
}
