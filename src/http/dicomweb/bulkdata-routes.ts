import { Hono } from 'hono';
import type { Context } from 'hono';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { InstanceStore } from '../../core/ports/instance-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetadataEncoder } from '../../core/ports/metadata-encoder.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import { parseBulkDataPath } from '../../dicom/json/find-bulk-data.ts';
import { PixelDataError } from '../../dicom/pixel-data/random-access.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { parseByteRange } from '../byte-range.ts';
import { HttpProblem } from '../errors.ts';
import { createObjectOpener } from '../object-opener.ts';
import { ClientGoneError } from '../response-writer.ts';
import { negotiateFor } from './accept.ts';
import { openBulkData } from './bulkdata-parts.ts';
import type { OpenedBulkData } from './bulkdata-parts.ts';
import type { DicomWebEnv } from './env.ts';
import { recordHandOut } from './hand-out.ts';
import { isUnchanged } from './is-unchanged.ts';
import { createMultipartFraming, multipartLength } from './multipart-body.ts';
import { instanceOf, urlOf } from './retrieve-target.ts';
import type { TargetIndex } from './retrieve-target.ts';
import { serviceRootOf } from './service-root.ts';
import { streamReply } from './stream-reply.ts';
import { notFound } from './study-of-request.ts';
import { varyOf } from './vary.ts';

export interface BulkDataRoutesOptions {
  readonly index: TargetIndex;
  readonly store: Pick<InstanceStore, 'open'>;
  readonly encoder: Pick<MetadataEncoder, 'findBulkData'>;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectFaults'>;
  readonly pool: BufferPool;
}

const OCTET_STREAM = 'application/octet-stream';

/** Retrieve Bulkdata (PS3.18 10.4.1.1.5): what the BulkDataURIs of metadata lead to. */
export function createBulkDataRoutes(options: BulkDataRoutesOptions): Hono<DicomWebEnv> {
  const { index, encoder, audit, pool } = options;
  const opener = createObjectOpener(options);

  const send = (
    c: Context<DicomWebEnv>,
    record: InstanceRecord,
    path: string,
    { parts, transferSyntaxUid, isFrames }: OpenedBulkData,
  ): Promise<Response> | Response => {
    const [only] = parts;
    const isOne = parts.length === 1 && only !== undefined;
    const syntax = { mediaType: OCTET_STREAM, transferSyntaxes: [transferSyntaxUid] };
    const { offer } = negotiateFor(c, [
      ...(isOne ? [{ ...syntax, isMultipart: false }] : []),
      { ...syntax, isMultipart: true },
    ]);
    const tag = `${record.sha256}.${path.replaceAll('/', '.')}`;
    // Boundaries differ from answer to answer.
    const etag = offer.isMultipart ? `W/"${tag}.multipart"` : `"${tag}"`;
    const validators = {
      ETag: etag,
      'Cache-Control': 'private, no-cache',
      Vary: varyOf(c, 'Accept', 'Authorization'),
      'Accept-Ranges': 'bytes',
    };
    if (isUnchanged(c.req.header('if-none-match'), etag))
      return new Response(null, { status: 304, headers: validators });
    const { customer, studyInstanceUid, sopInstanceUid } = record.key;
    if (c.req.method !== 'HEAD')
      recordHandOut(audit, c, {
        event: 'dicomweb.retrieved',
        customer,
        studyInstanceUid,
        sopInstanceUid,
        what: `bulk data ${path}`,
        counts: isFrames ? { frames: parts.length } : {},
      });
    const contentType = `${OCTET_STREAM}; transfer-syntax=${transferSyntaxUid}`;
    const location = `${urlOf(serviceOf(c, record), record)}/bulkdata/${path}`;

    if (!offer.isMultipart && only !== undefined) {
      const ifRange = c.req.header('if-range');
      const isRangeUsable = ifRange === undefined || ifRange === etag;
      const range = parseByteRange(isRangeUsable ? c.req.header('range') : undefined, only.bytes);
      if (range.kind === 'unsatisfiable')
        return new Response(null, {
          status: 416,
          headers: { ...validators, 'Content-Range': `bytes */${only.bytes}` },
        });
      const { start, length } = range.kind === 'part' ? range : { start: 0, length: only.bytes };
      return streamReply(c, {
        status: range.kind === 'part' ? 206 : 200,
        headers: {
          ...validators,
          'Content-Type': contentType,
          'Content-Length': String(length),
          'Content-Location': location,
          ...(range.kind === 'part' && {
            'Content-Range': `bytes ${start}-${start + length - 1}/${only.bytes}`,
          }),
        },
        pool,
        produce: (writer) =>
          writer.send({
            bytes: length,
            read: (target, position) => only.read(target.subarray(0, length - position), start + position),
          }),
      });
    }

    const framing = createMultipartFraming(OCTET_STREAM);
    const headed = parts.map((part, at) => ({
      part,
      bytes: part.bytes,
      headers: {
        'Content-Type': contentType,
        'Content-Location': isFrames ? `${location}/frames/${at + 1}` : location,
        'Content-Length': String(part.bytes),
      },
    }));
    return streamReply(c, {
      headers: {
        ...validators,
        'Accept-Ranges': 'none',
        'Content-Type': framing.contentType,
        'Content-Length': String(multipartLength(framing, headed)),
      },
      pool,
      async produce(writer) {
        for (const { part, headers } of headed) {
          await writer.write(framing.head(headers));
          await writer.send(part);
        }
        await writer.write(framing.end);
      },
    });
  };

  const app = new Hono<DicomWebEnv>();
  app.get('/studies/:study/series/:series/instances/:instance/bulkdata/:path{.+}', async (c) => {
    const { record } = instanceOf(c, index);
    const path = parseBulkDataPath(c.req.param('path'));
    if (path === undefined) throw notFound();
    try {
      const place = await encoder.findBulkData(record, path);
      if (place === undefined) throw notFound();
      const file = await opener.open(record);
      let opened: OpenedBulkData | undefined;
      try {
        opened = await openBulkData(file, record, path, place);
        return await send(c, record, path, opened);
      } finally {
        opened?.close();
        await file.close();
      }
    } catch (error) {
      if (error instanceof HttpProblem || error instanceof ClientGoneError) throw error;
      if (error instanceof PixelDataError)
        throw new HttpProblem(404, { code: 'no-bulk-data', detail: error.message, cause: error });
      // Removed or moved since it was looked up is no fault: this says which.
      instanceOf(c, index);
      throw opener.reportFault(error, record.key);
    }
  });
  return app;
}

/** As the BulkDataURIs of the metadata have it. */
function serviceOf(c: Context<DicomWebEnv>, { key }: InstanceRecord): string {
  return `${serviceRootOf(c.var.scope)}/customers/${key.customer}`;
}
