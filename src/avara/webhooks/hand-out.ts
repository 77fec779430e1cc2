import { LRUCache } from 'lru-cache';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import { studyKeyText } from '../../core/study/instance.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { SeriesDescription, StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import { manifestJson } from '../manifest-json.ts';
import { buildManifest } from '../manifest.ts';
import type { StudyContents } from './access-answer.ts';
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

interface KeptContents extends StudyContents {
  /** When the study was described; with the number of instances, anything that comes changes one of these. */
  readonly lastReceivedAt: number;
}

/** Viewers ask for the same study again and again; each index has its own descriptions. */
const described = new WeakMap<object, LRUCache<string, KeptContents>>();

/** What there is to hand out of a study. */
export function contentsOf(
  { key, instances, lastReceivedAt }: StudyRecord,
  index: Pick<StudyIndex, 'describeStudy'>,
): StudyContents {
  let cache = described.get(index);
  if (cache === undefined) {
    cache = new LRUCache({ maxSize: MAX_KEPT_INSTANCES, sizeCalculation: (kept) => kept.instances + 1 });
    described.set(index, cache);
  }
  const name = studyKeyText(key);
  const kept = cache.get(name);
  if (kept?.instances === instances && kept.lastReceivedAt === lastReceivedAt) return kept;
  const series = index.describeStudy(key);
  const manifest = buildManifest(key.studyInstanceUid, series);
  const contents = {
    instances: countInstances(series),
    lastReceivedAt,
    series,
    manifest: manifest && manifestJson(manifest),
  };
  cache.set(name, contents);
  return contents;
}

function countInstances(series: readonly SeriesDescription[]): number {
  let instances = 0;
  for (const { runs } of series) for (const { sopInstanceUids } of runs) instances += sopInstanceUids.length;
  return instances;
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
