import { Hono } from 'hono';

import { THUMBNAIL } from '../../core/pictures/picture-service.ts';
import type { PictureService } from '../../core/pictures/picture-service.ts';
import { pictureSource } from '../../core/pictures/picture-source.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import { parseUid } from '../../dicom/uid.ts';
import { pixelProblem } from '../dicomweb/pixel-problem.ts';
import { HttpProblem } from '../errors.ts';
import type { AdminEnv } from './admin-env.ts';
import { knownStudy } from './known-study.ts';

export interface ThumbnailRoutesOptions {
  readonly index: Pick<StudyIndex, 'findStudy' | 'findRemovals' | 'findInstance' | 'listInstances'>;
  readonly pictures: PictureService;
  readonly audit: AuditTrail;
}

/** `GET /studies/{customer}/{study}/thumbnails/{series}`: a small JPEG of a series. Each that is shown is taken down. */
export function createThumbnailRoutes({ index, pictures, audit }: ThumbnailRoutesOptions): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get('/studies/:customer/:study/thumbnails/:series', async (c) => {
    const { key } = knownStudy(index, c.req.param());
    const seriesInstanceUid = parseUid(c.req.param('series'));
    const source =
      seriesInstanceUid === undefined ? 'missing' : pictureSource(index, { study: key, seriesInstanceUid });
    if (typeof source === 'string')
      throw new HttpProblem(404, { code: 'no-picture', detail: 'There is no such series with images.' });
    const planned = pictures.plan(source, 'middle', THUMBNAIL);
    const etag = `"${planned.tag}"`;
    // Asked for again each time: who may not look any more must not find it in a cache.
    const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    let picture: Uint8Array;
    try {
      picture = await planned.render(c.req.raw.signal);
    } catch (error) {
      throw pixelProblem(error) ?? error;
    }
    const { peerAddress } = c.env;
    audit.record({
      ...key,
      event: 'admin.picture_shown',
      actor: c.get('actor') ?? 'unknown',
      sopInstanceUid: source.key.sopInstanceUid,
      ...(peerAddress !== undefined && { peerAddress }),
    });
    return c.body(new Uint8Array(picture), 200, { ...headers, 'Content-Type': THUMBNAIL.mediaType });
  });
  return app;
}
