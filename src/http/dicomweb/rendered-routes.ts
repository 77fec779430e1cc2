import { Hono } from 'hono';
import type { Context } from 'hono';

import { THUMBNAIL } from '../../core/pictures/picture-service.ts';
import type { PictureForm, PictureService } from '../../core/pictures/picture-service.ts';
import { pictureSource } from '../../core/pictures/picture-source.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { PictureType } from '../../core/ports/picture-renderer.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { HttpProblem } from '../errors.ts';
import { negotiateFor } from './accept.ts';
import type { MediaOffer } from './accept.ts';
import type { DicomWebEnv } from './env.ts';
import { recordHandOut } from './hand-out.ts';
import { createMultipartFraming } from './multipart-body.ts';
import { pixelProblem } from './pixel-problem.ts';
import { readRenderedParameters, readThumbnailViewport } from './rendered-parameters.ts';
import { notFound, studyOfRequest } from './study-of-request.ts';

export interface RenderedRoutesOptions {
  readonly index: Pick<StudyIndex, 'findStudiesByUid' | 'findInstance' | 'listInstances'>;
  readonly pictures: PictureService;
  readonly audit: AuditTrail;
}

interface PictureOffer extends MediaOffer {
  readonly mediaType: PictureType;
}

const SINGLE: readonly PictureOffer[] = [
  { mediaType: 'image/jpeg', isMultipart: false },
  { mediaType: 'image/png', isMultipart: false },
];
const MULTIPART: readonly PictureOffer[] = SINGLE.map((offer) => ({ ...offer, isMultipart: true }));

const STUDY = '/studies/:study';
const SERIES = `${STUDY}/series/:series`;
const INSTANCE = `${SERIES}/instances/:instance`;
const FRAMES = `${INSTANCE}/frames/:frames`;
/** Frames that one request may ask for as pictures. */
const MAX_FRAMES = 100;
/** Asked for again each time: a study may be removed or moved, and a token may expire. The ETag makes that cheap. */
const CACHE_CONTROL = 'private, no-cache';

type Parameters = Readonly<Partial<Record<'study' | 'series' | 'instance' | 'frames', string>>>;

/**
 * Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4). A series or study is rendered as one picture, of
 * the instance that stands for it; a multi-frame instance as the frame in its middle.
 */
export function createRenderedRoutes({ index, pictures, audit }: RenderedRoutesOptions): Hono<DicomWebEnv> {
  const app = new Hono<DicomWebEnv>();

  function instanceOf(c: Context<DicomWebEnv>, path: Parameters): InstanceRecord {
    const { key } = studyOfRequest(index, c.var.scope, path.study ?? '');
    const found = pictureSource(index, {
      study: key,
      ...(path.series !== undefined && { seriesInstanceUid: pathUid(path.series) }),
      ...(path.instance !== undefined && { sopInstanceUid: pathUid(path.instance) }),
    });
    if (found === 'missing') throw notFound();
    if (found === 'no-image')
      throw new HttpProblem(406, {
        code: 'no-pixels',
        detail: 'There is no image here that could be rendered.',
      });
    return found;
  }

  async function answer(
    c: Context<DicomWebEnv>,
    path: Parameters,
    { offer, form, ignored = [] }: { offer: PictureOffer; form: PictureForm; ignored?: readonly string[] },
  ): Promise<Response> {
    const instance = instanceOf(c, path);
    const frames = path.frames === undefined ? (['middle'] as const) : framesOf(path.frames);
    const planned = frames.map((frame) => pictures.plan(instance, frame, form));
    const etag = `"${planned.map(({ tag }) => tag).join('.')}"`;
    const headers = new Headers({
      'Cache-Control': CACHE_CONTROL,
      ETag: etag,
      Vary: 'Accept, Authorization',
    });
    if (ignored.length > 0)
      headers.set(
        'Warning',
        `299 ${c.var.scope.serviceUrl}: "Not supported and ignored: ${ignored.join(', ')}"`,
      );
    if (isKnown(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers });
    const body = offer.isMultipart
      ? await multipart(c, planned, offer.mediaType, headers)
      : await planned[0]?.render(c.req.raw.signal);
    if (!offer.isMultipart) headers.set('Content-Type', offer.mediaType);
    recordHandOut(audit, c, {
      event: 'dicomweb.rendered',
      customer: instance.key.customer,
      studyInstanceUid: instance.key.studyInstanceUid,
      sopInstanceUid: instance.key.sopInstanceUid,
      counts: { pictures: planned.length },
    });
    return new Response(body, { headers });
  }

  const rendered = async (c: Context<DicomWebEnv>, path: Parameters): Promise<Response> => {
    const isList = path.frames?.includes(',') === true;
    const { offer } = negotiateFor(c, isList ? MULTIPART : [...SINGLE, ...MULTIPART]);
    const { ignored, ...parameters } = readRenderedParameters((name) => c.req.query(name));
    return answer(c, path, { offer, form: { ...parameters, mediaType: offer.mediaType }, ignored });
  };
  const thumbnail = async (c: Context<DicomWebEnv>, path: Parameters): Promise<Response> => {
    const { offer } = negotiateFor(c, SINGLE);
    const viewport = readThumbnailViewport(c.req.query('viewport')) ?? THUMBNAIL.viewport;
    return answer(c, path, { offer, form: { ...THUMBNAIL, mediaType: offer.mediaType, viewport } });
  };
  for (const path of [STUDY, SERIES, INSTANCE, FRAMES]) {
    app.get(`${path}/rendered`, (c) => withProblems(rendered(c, c.req.param())));
    app.get(`${path}/thumbnail`, (c) => withProblems(thumbnail(c, c.req.param())));
  }
  return app;
}

async function withProblems(answering: Promise<Response>): Promise<Response> {
  try {
    return await answering;
  } catch (error) {
    throw pixelProblem(error) ?? error;
  }
}

/** The pictures one after the other; the first is made before the answer begins, so that a refusal can still be one. */
async function multipart(
  c: Context<DicomWebEnv>,
  planned: readonly { render(signal?: AbortSignal): Promise<Uint8Array> }[],
  mediaType: PictureType,
  headers: Headers,
): Promise<ReadableStream<Uint8Array>> {
  const { signal } = c.req.raw;
  const framing = createMultipartFraming(mediaType);
  headers.set('Content-Type', framing.contentType);
  let first = await planned[0]?.render(signal);
  let next = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const plan = planned[next];
      if (plan === undefined) {
        controller.enqueue(framing.end);
        controller.close();
        return;
      }
      const picture = first ?? (await plan.render(signal));
      first = undefined;
      next += 1;
      controller.enqueue(framing.head({ 'Content-Type': mediaType }));
      controller.enqueue(picture);
    },
  });
}

/** `3` or `1,4,5`. */
function framesOf(text: string): readonly number[] {
  const frames = text.split(',').map((part) => (/^[1-9]\d{0,9}$/.test(part) ? Number(part) : 0));
  if (frames.includes(0))
    throw new HttpProblem(400, {
      code: 'bad-frames',
      detail: 'Frames are numbers from 1, separated by commas.',
    });
  if (frames.length > MAX_FRAMES)
    throw new HttpProblem(413, {
      code: 'too-many-frames',
      detail: `Ask for at most ${MAX_FRAMES} frames at once.`,
    });
  return frames;
}

function pathUid(text: string): Uid {
  const uid = parseUid(text);
  if (uid === undefined) throw notFound();
  return uid;
}

/** If-None-Match, by weak comparison. */
function isKnown(header: string | undefined, etag: string): boolean {
  return header?.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, ''))) === true;
}
