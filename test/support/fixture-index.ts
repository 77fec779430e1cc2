import { readFileSync } from 'node:fs';

import type { StudyIndex } from '../../src/core/ports/study-index.ts';
import { customerKey, instanceKeyText, studyKeyText } from '../../src/core/study/instance.ts';
import type { InstanceKey } from '../../src/core/study/instance.ts';
import type { InstanceRecord, StudyRecord } from '../../src/core/study/study.ts';
import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { uid } from '../../src/dicom/uid.ts';
import { FIXTURE_FILES } from './fixture-files.ts';
import type { FixtureFile } from './fixture-files.ts';
import { studyRecord } from './study-records.ts';

const CUSTOMERS: Readonly<Record<string, string>> = { CITYMED: 'city-medical', NORTHCLN: 'north-clinic' };
const DOCUMENTS: ReadonlySet<string> = new Set(['SR', 'DOC']);

export interface FixtureIndex {
  readonly index: Pick<StudyIndex, 'findStudiesByUid' | 'findInstance' | 'listInstances'>;
  readonly store: { pathOf(key: InstanceKey): string };
}

/** The fixtures as if they had been received by the two customers that they are meant for, read where they lie. */
export function fixtureIndex(): FixtureIndex {
  const paths = new Map<string, string>();
  const instances = new Map<string, InstanceRecord>();
  for (const file of FIXTURE_FILES) {
    const record = recordOf(file);
    const key = instanceKeyText(record.key);
    // The first object under a key is the one that is served.
    if (instances.has(key)) continue;
    instances.set(key, record);
    paths.set(key, file.path);
  }
  const studies = new Map<string, StudyRecord>();
  for (const { key } of instances.values())
    studies.set(studyKeyText(key), studyRecord({ customer: key.customer, study: key.studyInstanceUid }));
  return {
    index: {
      findStudiesByUid: (study) => [...studies.values()].filter(({ key }) => key.studyInstanceUid === study),
      findInstance: (key) => instances.get(instanceKeyText(key)),
      listInstances: (study) =>
        [...instances.values()].filter(({ key }) => studyKeyText(key) === studyKeyText(study)),
    },
    store: { pathOf: (key) => paths.get(instanceKeyText(key)) ?? '' },
  };
}

function recordOf(file: FixtureFile): InstanceRecord {
  const bytes = readFileSync(file.path);
  const meta = readFileMeta(bytes);
  if (meta.kind !== 'complete') throw new Error(`${file.file} is no Part 10 file`);
  return {
    key: {
      customer: customerKey(CUSTOMERS[file.calledAeTitle] ?? ''),
      studyInstanceUid: uid(file.studyInstanceUid),
      seriesInstanceUid: uid(file.seriesInstanceUid),
      sopInstanceUid: uid(file.sopInstanceUid),
    },
    sopClassUid: uid(file.sopClassUid),
    transferSyntaxUid: uid(file.transferSyntaxUid),
    fileBytes: bytes.length,
    dataSetOffset: meta.dataSetOffset,
    sha256: file.dataSetSha256,
    receivedAt: 1_000,
    image: DOCUMENTS.has(file.modality) ? {} : { pixelData: 'integer' },
  };
}
