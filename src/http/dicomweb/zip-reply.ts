import type { Context } from 'hono';
import { crc32 } from 'node:zlib';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { BufferPool } from '../buffer-pool.ts';
import type { ObjectOpener } from '../object-opener.ts';
import type { ResponseWriter } from '../response-writer.ts';
import type { DicomWebEnv } from './env.ts';
import { streamReply } from './stream-reply.ts';
import { zipBytes, zipCentralHeader, zipDescriptor, zipEnd, zipLocalHeader } from './zip-format.ts';
import type { WrittenZipEntry, ZipEntry } from './zip-format.ts';

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

/** Sends objects in one ZIP file, not compressed: most of their bytes would not get fewer. */
export function createZipReply({ opener, pool }: ZipReplyOptions) {
  /** @returns the CRC-32 of its bytes. */
  const sendObject = async (writer: ResponseWriter, instance: InstanceRecord): Promise<number> => {
    const opened = await opener.open(instance);
    let sum = 0;
    try {
      await writer.send({
        bytes: opened.bytes,
        async read(target, position) {
          const bytes = await opened.read(target, position);
          sum = crc32(target.subarray(0, bytes), sum);
          return bytes;
        },
      });
    } finally {
      await opened.close();
    }
    return sum;
  };

  return function sendZip(
    c: Context<DicomWebEnv>,
    { name, instances, problemOf }: ZipContent,
  ): Promise<Response> {
    return streamReply(c, {
      pool,
      headers: {
        'Content-Type': 'application/zip',
        'Content-Disposition': `attachment; filename="${name}.zip"`,
        ...(Array.isArray(instances) && { 'Content-Length': String(zipBytes(entriesOf(instances))) }),
      },
      async produce(writer) {
        const written: WrittenZipEntry[] = [];
        for (const { instance, ...entry } of entriesOf(instances)) {
          const offset = writer.bytes;
          await writer.write(zipLocalHeader(entry));
          const sum = await sendObject(writer, instance).catch((error: unknown) => {
            throw problemOf(error, instance);
          });
          written.push({ ...entry, crc32: sum, offset });
          await writer.write(zipDescriptor({ ...entry, crc32: sum }));
        }
        const directory = writer.bytes;
        for (const entry of written) await writer.write(zipCentralHeader(entry));
        await writer.write(zipEnd(written.length, directory, writer.bytes - directory));
      },
    });
  };
}

/** Names of files by their place in the study: they tell nothing of the patient, and every system can store them. */
function* entriesOf(
  instances: Iterable<InstanceRecord>,
): Generator<ZipEntry & { readonly instance: InstanceRecord }, void> {
  let series = 0;
  let image = 0;
  let current: string | undefined;
  for (const instance of instances) {
    if (instance.key.seriesInstanceUid !== current) {
      current = instance.key.seriesInstanceUid;
      series += 1;
      image = 0;
    }
    image += 1;
    yield {
      name: `SE${String(series).padStart(6, '0')}/IM${String(image).padStart(6, '0')}.dcm`,
      bytes: instance.fileBytes,
      modifiedAt: instance.receivedAt,
      instance,
    };
  }
}
