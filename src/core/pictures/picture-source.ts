import type { Uid } from '../../dicom/uid.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import type { StudyKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';

/** What a picture is wanted of: a study, or one of its series, or one of that one's instances. */
export interface PictureSubject {
  readonly study: StudyKey;
  readonly seriesInstanceUid?: Uid;
  readonly sopInstanceUid?: Uid;
}

/**
 * The instance that stands for a subject: itself; of a series the one in the middle of its images; of a study that of
 * its first series with images.
 * @returns `missing`: there is no such series or instance; `no-image`: none of its instances has pixels.
 */
export function pictureSource(
  index: Pick<StudyIndex, 'findInstance' | 'listInstances'>,
  { study, seriesInstanceUid, sopInstanceUid }: PictureSubject,
): InstanceRecord | 'missing' | 'no-image' {
  if (seriesInstanceUid !== undefined && sopInstanceUid !== undefined)
    return index.findInstance({ ...study, seriesInstanceUid, sopInstanceUid }) ?? 'missing';
  const within = index.listInstances(study, seriesInstanceUid);
  if (within.length === 0) return 'missing';
  const images = within.filter(({ image }) => image.pixelData !== undefined);
  const first = images[0]?.key.seriesInstanceUid;
  const series = images.filter(({ key }) => key.seriesInstanceUid === first);
  return series[Math.floor((series.length - 1) / 2)] ?? 'no-image';
}
