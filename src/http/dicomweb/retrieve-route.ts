import { Hono } from 'hono';
import type { Context } from 'hono';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { InstanceStore } from '../../core/ports/instance-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { HttpProblem } from '../errors.ts';
import { createObjectOpener } from '../object-opener.ts';
import { objectContent } from '../response-writer.ts';
import { createDeliverObject } from './deliver-object.ts';
import type { DicomWebEnv } from './env.ts';
import { recordHandOut } from './hand-out.ts';
import { createMultipartFraming, multipartLength } from './multipart-body.ts';
import type { MultipartFraming, PartHeaders } from './multipart-body.ts';
import { retrieveFormOf } from './retrieve-accept.ts';
import { instancesOf, nameOf, targetOf, urlOf } from './retrieve-target.ts';
import type { RetrieveTarget, TargetIndex } from './retrieve-target.ts';
import { createSingleReply } from './single-reply.ts';
import { streamReply, withoutIdleTimeout } from './stream-reply.ts';
import { chooseSyntax } from './transfer-syntax-choice.ts';
import type { AcceptableSyntax, SyntaxChoice } from './transfer-syntax-choice.ts';
import { createZipReply } from './zip-reply.ts';

export interface RetrieveRouteOptions {
  readonly index: TargetIndex;
  readonly store: Pick<InstanceStore, 'open' | 'pathOf'>;
  readonly codec: Pick<PixelCodec, 'canTranscode' | 'transcode'>;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectFaults'>;
  readonly pool: BufferPool;
}

/** An object and what it is sent in. */
interface PlannedPart {
  readonly instance: InstanceRecord;
  readonly choice: SyntaxChoice;
}

/**
 * Up to so many instances, all are decided upon before the first byte: what cannot be is answered by a status, and the
 * length is told. Beyond, they are read from the index as they are sent, so that memory does not grow with the study.
 */
const MAX_PLANNED = 5000;

/** WADO-RS: studies, series and instances as Part 10 files (PS3.18 10.4); studies and series also as ZIP files. */
export function createRetrieveRoute(options: RetrieveRouteOptions): Hono<DicomWebEnv> {
  const { index, codec, audit, pool } = options;
  const opener = createObjectOpener(options);
  const { deliver, problemOf } = createDeliverObject({ ...options, opener });
  const sendSingle = createSingleReply({ deliver, problemOf, pool });
  const sendZip = createZipReply({ opener, pool });

  const sendParts = (c: Context<DicomWebEnv>, parts: Iterable<PlannedPart>): Promise<Response> => {
    const framing = createMultipartFraming('application/dicom');
    const { serviceUrl } = c.var.scope;
    const length = lengthOf(framing, parts, serviceUrl);
    return streamReply(c, {
      pool,
      headers: {
        'Content-Type': framing.contentType,
        ...(length !== undefined && { 'Content-Length': String(length) }),
      },
      async produce(writer, signal) {
        for (const { instance, choice } of parts) {
          try {
            const { opened, transferSyntaxUid } = await withoutIdleTimeout(c, () =>
              deliver(instance, choice, signal),
            );
            try {
              const headers = partHeaders(serviceUrl, instance, transferSyntaxUid, opened.bytes);
              await writer.write(framing.head(headers));
              await writer.send(objectContent(opened));
            } finally {
              await opened.close();
            }
          } catch (error) {
            throw problemOf(error, instance);
          }
        }
        await writer.write(framing.end);
      },
    });
  };

  function* plan(
    target: RetrieveTarget,
    acceptable: readonly AcceptableSyntax[],
  ): Generator<PlannedPart, void> {
    for (const instance of instancesOf(index, target))
      yield { instance, choice: choiceFor(instance, acceptable, codec) };
  }

  const retrieve = (c: Context<DicomWebEnv>): Promise<Response> => {
    const target = targetOf(c, index);
    const { study, instance, instances } = target;
    const { kind, acceptable } = retrieveFormOf(c, instance !== undefined);
    const planned = <T>(parts: Iterable<T>): Iterable<T> => (instances <= MAX_PLANNED ? [...parts] : parts);
    const parts = kind === 'zip' ? [] : planned(plan(target, acceptable));
    recordHandOut(audit, c, {
      event: 'dicomweb.retrieved',
      ...study.key,
      ...(instance !== undefined && { sopInstanceUid: instance.key.sopInstanceUid }),
      what: kind === 'zip' ? `${nameOf(target)} as ZIP` : nameOf(target),
      counts: { instances },
    });
    if (kind === 'zip') {
      const name = target.series ?? study.key.studyInstanceUid;
      return sendZip(c, { name, instances: planned(instancesOf(index, target)), problemOf });
    }
    if (kind === 'single' && instance !== undefined)
      return sendSingle(c, instance, choiceFor(instance, acceptable, codec));
    return sendParts(c, parts);
  };

  const app = new Hono<DicomWebEnv>();
  app.get('/studies/:study', retrieve);
  app.get('/studies/:study/series/:series', retrieve);
  app.get('/studies/:study/series/:series/instances/:instance', retrieve);
  return app;
}

/** @throws HttpProblem 406 */
export function choiceFor(
  { key, transferSyntaxUid, image }: InstanceRecord,
  acceptable: readonly AcceptableSyntax[],
  codec: Pick<PixelCodec, 'canTranscode'>,
): SyntaxChoice {
  const choice = chooseSyntax(transferSyntaxUid, image.pixelData !== undefined, acceptable, codec);
  if (choice !== undefined) return choice;
  throw new HttpProblem(406, {
    code: 'transfer-syntax-not-available',
    detail: `Instance ${key.sopInstanceUid} is stored in ${transferSyntaxUid} and cannot be had in what the request accepts; transfer-syntax=* takes it as it is.`,
  });
}

function partHeaders(
  serviceUrl: string,
  instance: InstanceRecord,
  transferSyntaxUid: Uid,
  bytes: number,
): PartHeaders {
  return {
    'Content-Type': `application/dicom; transfer-syntax=${transferSyntaxUid}`,
    'Content-Length': String(bytes),
    'Content-Location': urlOf(serviceUrl, instance),
  };
}

/** Length of the body, where that is known before it is made. */
function lengthOf(
  framing: MultipartFraming,
  parts: Iterable<PlannedPart>,
  serviceUrl: string,
): number | undefined {
  if (!Array.isArray(parts)) return undefined;
  const planned = parts as readonly PlannedPart[];
  if (planned.some(({ choice }) => choice.kind !== 'as-stored')) return undefined;
  return multipartLength(
    framing,
    planned.map(({ instance }) => {
      const { transferSyntaxUid, fileBytes: bytes } = instance;
      return { headers: partHeaders(serviceUrl, instance, transferSyntaxUid, bytes), bytes };
    }),
  );
}
