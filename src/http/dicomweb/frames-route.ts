import { Hono } from 'hono';
import type { Context } from 'hono';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { InstanceStore, OpenedInstance } from '../../core/ports/instance-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import { openFrames } from '../../dicom/pixel-data/open-frames.ts';
import type { OpenedFrames } from '../../dicom/pixel-data/open-frames.ts';
import { PixelDataError } from '../../dicom/pixel-data/random-access.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { HttpProblem } from '../errors.ts';
import { createObjectOpener } from '../object-opener.ts';
import { memoryContent, partContent } from '../response-writer.ts';
import type { SendableContent } from '../response-writer.ts';
import { acceptedBy, notAcceptable } from './accept.ts';
import { createDeliverObject, pixelSource } from './deliver-object.ts';
import type { DicomWebEnv } from './env.ts';
import { parseFrameList } from './frame-list.ts';
import { chooseFrameForm, frameOffers } from './frame-media.ts';
import type { FrameForm } from './frame-media.ts';
import { recordHandOut } from './hand-out.ts';
import { createMultipartFraming, multipartLength } from './multipart-body.ts';
import type { PartHeaders } from './multipart-body.ts';
import { instanceOf, urlOf } from './retrieve-target.ts';
import type { TargetIndex } from './retrieve-target.ts';
import { streamReply, withoutIdleTimeout } from './stream-reply.ts';

export interface FramesRouteOptions {
  readonly index: TargetIndex;
  readonly store: Pick<InstanceStore, 'open' | 'pathOf'>;
  readonly codec: PixelCodec;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectFaults'>;
  readonly pool: BufferPool;
}

/** Frames of an instance on their way out. */
interface FrameRequest {
  readonly instance: InstanceRecord;
  readonly numbers: readonly number[];
  readonly form: FrameForm;
}

/** WADO-RS: frames as they are stored, decoded, or compressed in another way without loss (PS3.18 10.4). */
export function createFramesRoute(options: FramesRouteOptions): Hono<DicomWebEnv> {
  const { index, store, codec, audit, pool } = options;
  const opener = createObjectOpener(options);
  const { problemOf: objectProblem } = createDeliverObject({ ...options, opener });

  const problemOf = (error: unknown, instance: InstanceRecord): unknown => {
    if (!(error instanceof PixelDataError)) return objectProblem(error, instance);
    const { code, message } = error;
    if (code === 'damaged')
      options.logger.warn({ ...instance.key, err: error }, 'frames cannot be found in an object');
    return new HttpProblem(code === 'no-pixel-data' ? 404 : 406, {
      code: `frames-${code}`,
      detail: `${message} The object itself can be retrieved: application/dicom; transfer-syntax=*.`,
      cause: error,
    });
  };

  const retrieve = async (c: Context<DicomWebEnv>): Promise<Response> => {
    const numbers = parseFrameList(c.req.param('frames') ?? '');
    const { study, record: instance } = instanceOf(c, index);
    const opened = await opener.open(instance).catch((error: unknown) => {
      throw problemOf(error, instance);
    });
    let frames: OpenedFrames | undefined;
    try {
      frames = await openFrames(opened, instance.dataSetOffset, instance.transferSyntaxUid);
      const form = formOf(c, instance, frames, numbers, codec);
      recordHandOut(audit, c, {
        event: 'dicomweb.retrieved',
        ...study.key,
        sopInstanceUid: instance.key.sopInstanceUid,
        counts: { frames: numbers.length },
      });
      const request = { instance, numbers, form };
      return form.how === 'stored'
        ? await sendStored(c, request, frames, opened)
        : await sendMade(c, request);
    } catch (error) {
      throw problemOf(error, instance);
    } finally {
      frames?.close();
      await opened.close();
    }
  };

  /** Frames as they are: all are found first, so that the length is known and nothing is missing half way. */
  const sendStored = async (
    c: Context<DicomWebEnv>,
    request: FrameRequest,
    frames: OpenedFrames,
    opened: OpenedInstance,
  ): Promise<Response> => {
    const contents: SendableContent[] = [];
    for (const number of request.numbers) contents.push(partContent(opened, await frames.frame(number)));
    return send(
      c,
      request,
      contents.map(({ bytes }) => bytes),
      (place) => Promise.resolve(contents[place] ?? memoryContent(new Uint8Array())),
    );
  };

  /** Frames that a worker makes, one at a time. */
  const sendMade = (c: Context<DicomWebEnv>, request: FrameRequest): Promise<Response> => {
    const { instance, numbers, form } = request;
    const source = pixelSource(store, instance);
    return send(c, request, undefined, async (place, signal) => {
      const number = numbers[place] ?? 0;
      const { bytes } =
        form.how === 'decoded'
          ? await codec.decodeFrame(source, number, { signal })
          : await codec.encodeFrame(source, number, form.transferSyntaxUid, { signal });
      return memoryContent(bytes);
    });
  };

  const send = (
    c: Context<DicomWebEnv>,
    { instance, numbers, form }: FrameRequest,
    lengths: readonly number[] | undefined,
    contentOf: (place: number, signal: AbortSignal) => Promise<SendableContent>,
  ): Promise<Response> => {
    const { mediaType, isMultipart, transferSyntaxUid } = form;
    const contentType = `${mediaType}; transfer-syntax=${transferSyntaxUid}`;
    const url = urlOf(c.var.scope.serviceUrl, instance);
    const framing = createMultipartFraming(mediaType);
    const headersOf = (place: number): PartHeaders => ({
      'Content-Type': contentType,
      'Content-Location': `${url}/frames/${numbers[place] ?? 0}`,
    });
    const length = !isMultipart
      ? lengths?.[0]
      : lengths &&
        multipartLength(
          framing,
          lengths.map((bytes, place) => ({ headers: headersOf(place), bytes })),
        );
    return streamReply(c, {
      pool,
      headers: {
        ...(isMultipart ? { 'Content-Type': framing.contentType } : headersOf(0)),
        ...(length !== undefined && { 'Content-Length': String(length) }),
      },
      async produce(writer, signal) {
        for (const place of numbers.keys()) {
          const content = await withoutIdleTimeout(c, () => contentOf(place, signal));
          if (isMultipart) await writer.write(framing.head(headersOf(place)));
          await writer.send(content);
        }
        if (isMultipart) await writer.write(framing.end);
      },
    });
  };

  const app = new Hono<DicomWebEnv>();
  app.get('/studies/:study/series/:series/instances/:instance/frames/:frames', retrieve);
  return app;
}

/** @throws HttpProblem 404 for frames that the object does not have, 406 where nothing that is accepted can be sent. */
function formOf(
  c: Context<DicomWebEnv>,
  instance: InstanceRecord,
  { image, isEncapsulated }: OpenedFrames,
  numbers: readonly number[],
  codec: PixelCodec,
): FrameForm {
  const last = Math.max(...numbers);
  if (last > image.numberOfFrames)
    throw new HttpProblem(404, {
      code: 'no-such-frame',
      detail: `The instance has ${image.numberOfFrames} frames; there is no frame ${last}.`,
    });
  const offers = frameOffers(instance.transferSyntaxUid, isEncapsulated, numbers.length === 1, codec);
  for (const ranges of acceptedBy(c)) {
    const form = chooseFrameForm(ranges, offers);
    if (form !== undefined) return form;
  }
  throw notAcceptable(offers);
}
