import type { StudyUrls } from '../../core/ports/object-urls.ts';
import type { SeriesDescription } from '../../core/study/study.ts';
import type { Uid } from '../../dicom/uid.ts';
import { JsonWriter } from '../json-writer.ts';

const LONGEST_UID = 64;

/** A study that is handed out. */
export interface StudyContents {
  /** In the manifest's order. */
  readonly series: readonly SeriesDescription[];
  readonly instances: number;
  /** JSON; absent where there is nothing to say. */
  readonly manifest: Buffer | undefined;
}

export interface HandedOutStudy extends StudyContents {
  readonly urls: StudyUrls;
}

/** The answer to `study.access_requested` where access is granted, as JSON: `authorized`, `urls`, `manifest`. */
export function studyAnswer(study: HandedOutStudy): Buffer {
  const json = startAnswer([study]);
  if (study.manifest !== undefined) json.ascii(',"manifest":').bytes(study.manifest);
  return json.ascii('}').take();
}

/** The answer to `ephemeral.access_requested`, as JSON: `authorized`, `urls`, `manifests`. */
export function sessionAnswer(studies: readonly HandedOutStudy[]): Buffer {
  const json = startAnswer(studies);
  const manifests = studies.flatMap(({ manifest }) => manifest ?? []);
  for (const [at, manifest] of manifests.entries())
    json.ascii(at === 0 ? ',"manifests":[' : ',').bytes(manifest);
  if (manifests.length > 0) json.ascii(']');
  return json.ascii('}').take();
}

function startAnswer(studies: readonly HandedOutStudy[]): JsonWriter {
  const json = new JsonWriter(studies.reduce((bytes, study) => bytes + expectedBytes(study), 1024));
  json.ascii('{"authorized":true,"urls":[');
  let comma = '';
  for (const { series, urls } of studies)
    for (const { seriesInstanceUid, runs } of series) {
      const { head, tail } = stringParts(urls, seriesInstanceUid);
      const next = Buffer.from(`${tail},${head}`);
      let before = Buffer.from(comma + head);
      for (const { sopInstanceUids } of runs)
        for (const uid of sopInstanceUids) {
          json.bytes(before).ascii(uid);
          before = next;
        }
      if (before !== next) continue;
      json.text(tail);
      comma = ',';
    }
  return json.ascii(']');
}

/** Head and tail of a URL as those of a string in JSON. */
function stringParts(urls: StudyUrls, seriesInstanceUid: Uid): { head: string; tail: string } {
  return {
    head: JSON.stringify(urls.head(seriesInstanceUid)).slice(0, -1),
    tail: JSON.stringify(urls.tail).slice(1),
  };
}

function expectedBytes({ series, urls, manifest }: HandedOutStudy): number {
  let bytes = manifest?.length ?? 0;
  for (const { seriesInstanceUid, runs } of series) {
    const { head, tail } = stringParts(urls, seriesInstanceUid);
    for (const { sopInstanceUids } of runs)
      bytes += sopInstanceUids.length * (head.length + tail.length + LONGEST_UID);
  }
  return bytes;
}
