import type { Context } from 'hono';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { InstanceRecord, StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { DicomWebEnv } from './env.ts';
import { notFound, studyOfRequest } from './study-of-request.ts';

export type TargetIndex = Pick<
  StudyIndex,
  'findStudiesByUid' | 'findRemovals' | 'findInstance' | 'listSeries' | 'listInstances'
>;

/** The study, series or instance that a path names. */
export interface RetrieveTarget {
  readonly study: Pick<StudyRecord, 'key'>;
  readonly series?: Uid;
  readonly instance?: InstanceRecord;
  /** How many instances it has. */
  readonly instances: number;
}

/** @throws HttpProblem 404 for what is not there or not open to the sender; 409 as {@link studyOfRequest}. */
export function targetOf(c: Context<DicomWebEnv>, index: TargetIndex): RetrieveTarget {
  const [seriesText, instanceText] = [c.req.param('series'), c.req.param('instance')];
  if (instanceText !== undefined && seriesText !== undefined) {
    const { study, record } = instanceOf(c, index);
    return { study, series: record.key.seriesInstanceUid, instance: record, instances: 1 };
  }
  const study = studyOfRequest(index, c.var.scope, c.req.param('study') ?? '');
  if (seriesText === undefined) return { study, instances: study.instances };
  const found = index.listSeries(study.key).find((one) => one.seriesInstanceUid === seriesText);
  if (found === undefined) throw notFound();
  return { study, series: found.seriesInstanceUid, instances: found.instances };
}

export interface FoundInstance {
  readonly study: Pick<StudyRecord, 'key'>;
  readonly record: InstanceRecord;
}

export type InstanceIndex = Pick<StudyIndex, 'findStudiesByUid' | 'findRemovals' | 'findInstance'>;

/** The instance that a path names. @throws HttpProblem as {@link targetOf} */
export function instanceOf(c: Context<DicomWebEnv>, index: InstanceIndex): FoundInstance {
  const { study, series = '', instance = '' } = c.req.param() as Partial<Record<string, string>>;
  return findInstanceOf(c, index, study ?? '', series, instance);
}

/** As {@link instanceOf}, with the UIDs as they came. */
export function findInstanceOf(
  c: Context<DicomWebEnv>,
  index: InstanceIndex,
  studyText: string,
  seriesText: string,
  instanceText: string,
): FoundInstance {
  const { scope } = c.var;
  const [studyInstanceUid, seriesInstanceUid, sopInstanceUid] = [studyText, seriesText, instanceText].map(
    parseUid,
  );
  const find = ({ key }: FoundInstance['study']): InstanceRecord | undefined =>
    seriesInstanceUid === undefined || sopInstanceUid === undefined
      ? undefined
      : index.findInstance({ ...key, seriesInstanceUid, sopInstanceUid });
  const [customer, ...others] = scope.customers;
  // With one customer, no other's study of the same UID can be meant, and the instance tells that the study is there.
  if (
    scope.mayRead &&
    customer !== undefined &&
    others.length === 0 &&
    studyInstanceUid !== undefined &&
    (scope.study ?? studyInstanceUid) === studyInstanceUid
  ) {
    const study = { key: { customer, studyInstanceUid } };
    const record = find(study);
    if (record !== undefined) return { study, record };
  }
  const study = studyOfRequest(index, scope, studyText);
  const record = find(study);
  if (record === undefined) throw notFound();
  return { study, record };
}

/** The instances of a target in the order of Avara's manifest; a series at a time, so that few are in memory. */
export function* instancesOf(index: TargetIndex, target: RetrieveTarget): Generator<InstanceRecord> {
  const { study, series, instance } = target;
  if (instance !== undefined) yield instance;
  else if (series !== undefined) yield* index.listInstances(study.key, series);
  else
    for (const { seriesInstanceUid } of index.listSeries(study.key))
      yield* index.listInstances(study.key, seriesInstanceUid);
}

/** For the audit trail. */
export function nameOf({ series, instance }: RetrieveTarget): string {
  if (instance !== undefined) return 'instance';
  return series === undefined ? 'study' : `series ${series}`;
}

/** Where an instance is retrieved from. */
export function urlOf(serviceUrl: string, { key }: InstanceRecord): string {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = key;
  return `${serviceUrl}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`;
}
