import { Hono } from 'hono';
import type { Context } from 'hono';
import type { PictureForm, PictureService } from '../../core/pictures/picture-service.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { InstanceStore } from '../../core/ports/instance-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { HttpProblem } from '../errors.ts';
import { createObjectOpener } from '../object-opener.ts';
import { acceptedBy, negotiate, notAcceptable, parseAccept } from './accept.ts';
import { createDeliverObject } from './deliver-object.ts';
import type { DicomWebEnv } from './env.ts';
import { parseFrameList } from './frame-list.ts';
import { recordHandOut } from './hand-out.ts';
import { pixelProblem } from './pixel-problem.ts';
import { readRenderedParameters } from './rendered-parameters.ts';
import { choiceFor } from './retrieve-route.ts';
import { findInstanceOf } from './retrieve-target.ts';
import type { TargetIndex } from './retrieve-target.ts';
import { createSingleReply } from './single-reply.ts';

export interface WadoUriRouteOptions {
  readonly index: TargetIndex;
  readonly store: Pick<InstanceStore, 'open' | 'pathOf'>;
  readonly codec: Pick<PixelCodec, 'canTranscode' | 'transcode'>;
  readonly pictures: PictureService;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectFaults'>;
  readonly pool: BufferPool;
}

const DICOM = { mediaType: 'application/dicom', isMultipart: false } as const;
const PICTURES = [
  { mediaType: 'image/jpeg', isMultipart: false },
  { mediaType: 'image/png', isMultipart: false },
] as const;
type Offer = typeof DICOM | (typeof PICTURES)[number];

/** WADO-URI: one instance by query parameters, as Part 10 file or as picture (PS3.18 section 9). */
export function createWadoUriRoute(options: WadoUriRouteOptions): Hono<DicomWebEnv> {
  const { index, codec, pictures, audit, pool } = options;
  const opener = createObjectOpener(options);
  const sendSingle = createSingleReply({ ...createDeliverObject({ ...options, opener }), pool });

  const retrieve = async (c: Context<DicomWebEnv>): Promise<Response> => {
    if (c.req.query('requestType') !== 'WADO') throw badParameter('requestType', 'WADO');
    const { record: instance } = findInstanceOf(
      c,
      index,
      required(c, 'studyUID'),
      required(c, 'seriesUID'),
      required(c, 'objectUID'),
    );
    // Handing out what somebody expects to be without names would be worse than refusing.
    if (c.req.query('anonymize') !== undefined)
      throw badParameter('anonymize', 'left out: it is not supported');
    const { mediaType } = offerOf(c, instance);
    recordHandOut(audit, c, {
      event: mediaType === DICOM.mediaType ? 'dicomweb.retrieved' : 'dicomweb.rendered',
      customer: instance.key.customer,
      studyInstanceUid: instance.key.studyInstanceUid,
      sopInstanceUid: instance.key.sopInstanceUid,
      what: 'instance by WADO-URI',
    });
    if (mediaType !== DICOM.mediaType) return picture(c, instance, mediaType);
    const named = c.req.query('transferSyntax');
    const syntax = named === undefined ? 'default' : parseUid(named);
    if (syntax === undefined) throw badParameter('transferSyntax', 'a Transfer Syntax UID');
    return sendSingle(c, instance, choiceFor(instance, [syntax], codec));
  };

  const picture = async (
    c: Context<DicomWebEnv>,
    instance: InstanceRecord,
    mediaType: PictureForm['mediaType'],
  ): Promise<Response> => {
    const { window, viewport, quality } = readRenderedParameters(renderedParameter(c));
    const number = c.req.query('frameNumber');
    const planned = pictures.plan(instance, number === undefined ? 'middle' : singleFrame(number), {
      mediaType,
      ...(window && { window }),
      ...(viewport && { viewport }),
      ...(quality !== undefined && { quality }),
    });
    try {
      const bytes = await planned.render(c.req.raw.signal);
      return new Response(new Uint8Array(bytes), { headers: { 'Content-Type': mediaType } });
    } catch (error) {
      throw pixelProblem(error) ?? error;
    }
  };

  const app = new Hono<DicomWebEnv>();
  app.get('/wado', retrieve);
  return app;
}

/** The media type asked for: by parameter, by header, else a picture where there is one (PS3.18 9.3). */
function offerOf(c: Context<DicomWebEnv>, { image }: InstanceRecord): Offer {
  const isImage = image.pixelData !== undefined;
  const offers: readonly Offer[] = isImage ? [...PICTURES, DICOM] : [DICOM];
  const parameter = c.req.query('contentType');
  const lists = parameter === undefined ? acceptedBy(c) : [parseAccept(parameter)];
  for (const ranges of lists) {
    const found = negotiate(ranges, offers);
    if (found !== undefined) return found.offer;
  }
  throw notAcceptable(offers);
}

/** The parameters of this service by the names that Retrieve Rendered has for them (PS3.18 9.4.2, 8.3.5). */
function renderedParameter(c: Context<DicomWebEnv>): (name: string) => string | undefined {
  const query = (name: string): string | undefined => c.req.query(name);
  return (name) => {
    switch (name) {
      case 'window': {
        const [center, width] = [query('windowCenter'), query('windowWidth')];
        if (center === undefined && width === undefined) return undefined;
        return `${center ?? ''},${width ?? ''},linear`;
      }
      case 'viewport': {
        const [rows, columns] = [query('rows'), query('columns')];
        if (rows === undefined && columns === undefined) return undefined;
        return `${columns ?? rows ?? ''},${rows ?? columns ?? ''}`;
      }
      case 'quality':
        return query('imageQuality');
      default:
        return undefined;
    }
  };
}

function singleFrame(text: string): number {
  const [frame, second] = parseFrameList(text);
  if (frame === undefined || second !== undefined) throw badParameter('frameNumber', 'one frame number');
  return frame;
}

function required(c: Context<DicomWebEnv>, name: string): string {
  const value = c.req.query(name);
  if (value === undefined || parseUid(value) === undefined) throw badParameter(name, 'a UID');
  return value;
}

function badParameter(name: string, expected: string): HttpProblem {
  return new HttpProblem(400, { code: 'bad-parameter', detail: `"${name}" must be ${expected}.` });
}
