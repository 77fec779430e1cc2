import { Hono } from 'hono';
import type { Context } from 'hono';
import { createHash } from 'node:crypto';
import { createGunzip } from 'node:zlib';
import { SeriesGoneError } from '../../core/metadata/metadata-keeper.ts';
import type { MetadataKeeper } from '../../core/metadata/metadata-keeper.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import { StoreError } from '../../core/ports/instance-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { MetadataSourceError } from '../../core/ports/metadata-encoder.ts';
import type { PreparedMetadata } from '../../core/ports/metadata-store.ts';
import type { SeriesContents, StudyIndex } from '../../core/ports/study-index.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { HttpProblem } from '../errors.ts';
import { negotiateFor } from './accept.ts';
import { acceptsGzip } from './accepts-gzip.ts';
import type { DicomWebEnv } from './env.ts';
import { recordHandOut } from './hand-out.ts';
import { isUnchanged } from './is-unchanged.ts';
import { metadataBody, metadataBodyBytes } from './metadata-body.ts';
import { instanceOf } from './retrieve-target.ts';
import { sendChunks } from './send-chunks.ts';
import { serviceRootOf } from './service-root.ts';
import { notFound, studyOfRequest } from './study-of-request.ts';
import { varyOf } from './vary.ts';

export interface MetadataRoutesOptions {
  readonly index: Pick<StudyIndex, 'findStudiesByUid' | 'findRemovals' | 'findInstance' | 'listContents'>;
  readonly keeper: Pick<MetadataKeeper, 'open' | 'openInstance'>;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectFaults'>;
  /** Hears what BulkDataURIs begin with, so that what is prepared next fits. */
  readonly onServiceRoot: (serviceRoot: string) => void;
}

/** What a request is answered with. */
interface Resource {
  readonly study: Pick<StudyRecord, 'key'>;
  readonly sopInstanceUid?: string;
  readonly counts: Readonly<Record<string, number>>;
  /** Changes whenever the metadata does. */
  readonly etag: string;
  readonly open: () => AsyncIterable<PreparedMetadata>;
  /** It is one piece, so that its length is known before it is sent. */
  readonly isOne: boolean;
}

const OFFERS = [
  { mediaType: 'application/dicom+json', isMultipart: false },
  { mediaType: 'application/json', isMultipart: false },
] as const;

/** Retrieve Metadata (PS3.18 10.4.1.1.2): of a study, a series or an instance, as DICOM JSON. */
export function createMetadataRoutes(options: MetadataRoutesOptions): Hono<DicomWebEnv> {
  const { index, keeper, audit, logger, metrics, onServiceRoot } = options;

  const ofContents = (
    c: Context<DicomWebEnv>,
    study: StudyRecord,
    contents: readonly SeriesContents[],
  ): Resource => {
    if (contents.length === 0) throw notFound();
    const serviceRoot = serviceRootOf(c.var.scope);
    onServiceRoot(serviceRoot);
    return {
      study,
      counts: {
        series: contents.length,
        instances: contents.reduce((sum, { instances }) => sum + instances, 0),
      },
      etag: etagOf(
        study,
        serviceRoot,
        contents.map(({ digest }) => digest),
      ),
      isOne: contents.length === 1,
      open: async function* () {
        for (const series of contents) yield await keeper.open(study.key, series, serviceRoot);
      },
    };
  };

  const ofInstance = (c: Context<DicomWebEnv>): Resource => {
    const { study, record } = instanceOf(c, index);
    const serviceRoot = serviceRootOf(c.var.scope);
    return {
      study,
      sopInstanceUid: record.key.sopInstanceUid,
      counts: { instances: 1 },
      etag: etagOf(study, serviceRoot, [record.sha256]),
      isOne: true,
      open: async function* () {
        yield await keeper.openInstance(record, serviceRoot);
      },
    };
  };

  const problemOf = (error: unknown, { study }: Resource): unknown => {
    if (error instanceof HttpProblem) return error;
    if (error instanceof SeriesGoneError) return notFound();
    if (error instanceof StoreError && error.code === 'out-of-resources')
      return new HttpProblem(503, {
        code: 'metadata-unavailable',
        detail: 'The metadata cannot be had just now. Try again.',
        headers: { 'Retry-After': '10' },
        cause: error,
      });
    if (!(error instanceof MetadataSourceError)) return error;
    metrics.objectFaults.inc({ reason: 'metadata' });
    logger.error(
      { ...study.key, sopInstanceUid: error.sopInstanceUid, err: error },
      'an indexed object cannot be read for its metadata',
    );
    return new HttpProblem(500, {
      code: 'object-unreadable',
      detail: `Instance ${error.sopInstanceUid} is in the index, but its file cannot be read. The operator has been told.`,
      cause: error,
    });
  };

  const serve = async (c: Context<DicomWebEnv>, resource: Resource): Promise<Response> => {
    const { offer } = negotiateFor(c, OFFERS);
    const { study, counts, etag, sopInstanceUid } = resource;
    const isGzip = acceptsGzip(c.req.header('accept-encoding'));
    const validators = {
      ETag: etag,
      'Cache-Control': 'private, no-cache',
      Vary: varyOf(c, 'Accept', 'Accept-Encoding', 'Authorization'),
    };
    if (isUnchanged(c.req.header('if-none-match'), etag))
      return new Response(null, { status: 304, headers: validators });
    const headers: Record<string, string> = {
      ...validators,
      'Content-Type': offer.mediaType,
      ...(isGzip && { 'Content-Encoding': 'gzip' }),
    };
    if (c.req.method === 'HEAD') return new Response(null, { status: 200, headers });

    recordHandOut(audit, c, {
      event: 'dicomweb.retrieved',
      what: 'metadata',
      customer: study.key.customer,
      studyInstanceUid: study.key.studyInstanceUid,
      ...(sopInstanceUid !== undefined && { sopInstanceUid }),
      counts,
    });
    let series: Iterable<PreparedMetadata> | AsyncIterable<PreparedMetadata> = resource.open();
    try {
      if (resource.isOne) {
        const opened: PreparedMetadata[] = [];
        for await (const one of series) opened.push(one);
        const [only] = opened;
        if (only === undefined) throw notFound();
        if (isGzip) headers['Content-Length'] = String(metadataBodyBytes(only));
        series = [only];
      }
      const chunks = metadataBody(series);
      return await sendChunks(
        c,
        { status: 200, headers, chunks, ...(!isGzip && { through: () => createGunzip() }) },
        (error) => {
          const problem = problemOf(error, resource);
          if (problem === error)
            logger.error({ ...study.key, err: error }, 'metadata could not be sent to its end');
        },
      );
    } catch (error) {
      throw problemOf(error, resource);
    }
  };

  const app = new Hono<DicomWebEnv>();
  app.get('/studies/:study/metadata', (c) => {
    const study = studyOfRequest(index, c.var.scope, c.req.param('study'));
    return serve(c, ofContents(c, study, index.listContents(study.key)));
  });
  app.get('/studies/:study/series/:series/metadata', (c) => {
    const study = studyOfRequest(index, c.var.scope, c.req.param('study'));
    const wanted = c.req.param('series');
    const contents = index.listContents(study.key).filter((one) => one.seriesInstanceUid === wanted);
    return serve(c, ofContents(c, study, contents));
  });
  app.get('/studies/:study/series/:series/instances/:instance/metadata', (c) => serve(c, ofInstance(c)));
  return app;
}

/** A weak one, because the same metadata may be deflated in more than one way. URLs in it name the customer. */
function etagOf({ key }: Resource['study'], serviceRoot: string, digests: readonly string[]): string {
  const digest = createHash('sha256')
    .update([key.customer, serviceRoot, ...digests].join(' '))
    .digest('base64url');
  return `W/"${digest.slice(0, 32)}"`;
}
