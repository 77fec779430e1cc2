import { LRUCache } from 'lru-cache';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ObjectUrls } from '../../core/ports/object-urls.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import { studyKeyText } from '../../core/study/instance.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { InstanceDescription, StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import { manifestText } from '../manifest-text.ts';
import { buildManifest, groupBySeries } from '../manifest.ts';
import type { Manifest } from '../manifest.ts';
import type { VerifiedEvent } from './event.ts';
import type { StudyResolution } from './resolve-study.ts';

/** What Avara's user reads. Studies of other customers are not known to exist. */
export const EXPLANATIONS: Readonly<
  Record<Extract<StudyResolution, { isGranted: false }>['reason'], string>
> = {
  'unknown-study': 'study not found',
  'uid-mismatch': 'study not found',
  'foreign-customer': 'study not found',
  'ambiguous-uid': 'study not found',
  'delivery-needs-attention': 'study needs attention at the imaging site before it can be shown',
  'no-instances': 'no images of this study have arrived yet',
  removed: 'the images of this study are no longer kept at the imaging site',
  unconfirmed: 'the imaging site cannot tell yet whose study this is; try again in a moment',
};

/** Instances whose description is kept for the next opening: a few large studies. */
const MAX_KEPT_INSTANCES = 20_000;

interface Contents {
  /** What the study was when it was described: anything that comes changes one of these. */
  readonly instances: number;
  readonly lastReceivedAt: number;
  readonly ordered: readonly InstanceDescription[];
  readonly manifest: Manifest | undefined;
  /** The manifest as JSON. */
  readonly manifestText: string | undefined;
}

/** Viewers ask for the same study again and again; each index has its own descriptions. */
const described = new WeakMap<object, LRUCache<string, Contents>>();

function contentsOf(
  { key, instances, lastReceivedAt }: StudyRecord,
  index: Pick<StudyIndex, 'listSeries' | 'describeInstances'>,
): Contents {
  let cache = described.get(index);
  if (cache === undefined) {
    cache = new LRUCache({ maxSize: MAX_KEPT_INSTANCES, sizeCalculation: (kept) => kept.ordered.length + 1 });
    described.set(index, cache);
  }
  const name = studyKeyText(key);
  const kept = cache.get(name);
  if (kept?.instances === instances && kept.lastReceivedAt === lastReceivedAt) return kept;
  const series = groupBySeries(index.listSeries(key), index.describeInstances(key));
  const ordered = series.flatMap((content) => content.instances);
  const manifest = buildManifest(key.studyInstanceUid, series);
  const text = manifest && manifestText(manifest);
  const contents = { instances, lastReceivedAt, ordered, manifest, manifestText: text };
  cache.set(name, contents);
  return contents;
}

/** URLs of all objects of a study, in the manifest's order, and the manifest where there is something to say. */
export function describeContents(
  study: StudyRecord,
  {
    index,
    objectUrls,
  }: { index: Pick<StudyIndex, 'listSeries' | 'describeInstances'>; objectUrls: ObjectUrls },
): Pick<Contents, 'manifest' | 'manifestText'> & { readonly urls: readonly string[] } {
  const { ordered, ...manifests } = contentsOf(study, index);
  return { urls: objectUrls.forStudy(study.key, ordered), ...manifests };
}

export interface HandOut {
  /** Of the audit trail and the log, such as `study.access_granted`. */
  readonly name: string;
  readonly customer?: CustomerKey | undefined;
  /** As asked for; what is not a UID may be anything, a name too, and is kept out. */
  readonly studyInstanceUid: string;
  readonly detail: string;
}

/** Takes down what an event was given or refused. */
export function recordHandOut(
  event: VerifiedEvent,
  { name, customer, studyInstanceUid, detail }: HandOut,
  { audit, logger }: { audit: AuditTrail; logger: Logger },
): void {
  const uid = parseUid(studyInstanceUid);
  const fields = {
    ...(customer === undefined ? {} : { customer }),
    ...(uid === undefined ? {} : { studyInstanceUid: uid }),
  };
  audit.record({
    ...fields,
    event: name,
    actor: 'avara',
    ...(event.peerAddress === undefined ? {} : { peerAddress: event.peerAddress }),
    detail: `${event.id}: ${detail}`,
  });
  logger.info({ ...fields, webhookEvent: event.id, detail }, name);
}
