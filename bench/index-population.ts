import { createHash } from 'node:crypto';

import { createRandom } from '../fixtures/generator/drawing.ts';
import type { StoredInstance } from '../src/core/ports/study-index.ts';
import { customerKey, type InstanceKey, type StudyKey } from '../src/core/study/instance.ts';
import { uid, type Uid } from '../src/dicom/uid.ts';

/** A study as it will arrive, and by what it can be looked for later. */
export interface PopulationStudy {
  readonly key: StudyKey;
  readonly patientId: string;
  readonly familyName: string;
  /** YYYYMMDD. */
  readonly studyDate: string;
  readonly instances: number;
  /** Of one of its instances, picked at random. */
  readonly someInstance: InstanceKey;
  /** @param receivedAt ms since 1970; asked for at each instance. */
  arrive(receivedAt: () => number): Generator<StoredInstance, void, undefined>;
}

interface Examination {
  readonly share: number;
  readonly modality: string;
  readonly sopClassUid: Uid;
  readonly description: string;
  /** Instances of each series. */
  readonly series: readonly number[];
  readonly side: number;
}

/** What an imaging centre sees in a week, by number of studies: most are small, most instances are in the large ones. */
const EXAMINATIONS: readonly Examination[] = [
  examination(0.5, 'CR', '1.1', 'CR CHEST PA LAT', [1, 1], 2048),
  examination(0.2, 'US', '6.1', 'US ABDOMEN', [24], 768),
  examination(0.18, 'MR', '4', 'MR KNEE', [24, 24, 30, 30, 36, 36], 320),
  examination(0.12, 'CT', '2', 'CT THORAX ABDOMEN', [2, 500, 120, 80], 512),
];
const CUSTOMERS = [
  ['city-medical', 0.7],
  ['north-clinic', 0.2],
  ['harbour-imaging', 0.1],
] as const;
const SYLLABLES =
  'ba ben cor dal del fer gan hol jan kar lin mor nel ost pet ral sen tor ul vin wes zan'.split(' ');
const ENDINGS = ['berg', 'dottir', 'er', 'feld', 'ham', 'ini', 'mann', 'ova', 'sen', 'ton'];
const GIVEN = [
  'Alba',
  'Bruno',
  'Cleo',
  'Dario',
  'Elin',
  'Femi',
  'Gita',
  'Hugo',
  'Ines',
  'Jonas',
  'Kaya',
  'Levi',
];

/** The examination of 5,000 slices that budgets speak of. */
const LARGE_STUDY = examination(1, 'CT', '2', 'CT CARDIAC', Array<number>(10).fill(500), 512);

/** Makes studies of invented patients, always the same ones for a seed. */
export function createPopulation(seed: number): {
  nextStudy(): PopulationStudy;
  largeStudy(): PopulationStudy;
} {
  const random = createRandom(seed);
  const chance = (): number => random() / 2 ** 32;
  let made = 0;
  const build = (exam: Examination): PopulationStudy => {
    made += 1;
    // Seven in ten studies are of somebody who has not been here before.
    const patient = chance() < 0.7 ? made : 1 + Math.floor(chance() * made);
    return studyOf(exam, made, patient, weighted(CUSTOMERS, chance()), random());
  };
  return {
    nextStudy: () =>
      build(
        weighted(
          EXAMINATIONS.map((exam) => [exam, exam.share] as const),
          chance(),
        ),
      ),
    largeStudy: () => build(LARGE_STUDY),
  };
}

function studyOf(
  exam: Examination,
  number: number,
  patient: number,
  customer: string,
  salt: number,
): PopulationStudy {
  const key: StudyKey = {
    customer: customerKey(customer),
    studyInstanceUid: uid(
      `1.2.840.113619.2.428.3.${salt}.${700 + (number % 90)}.${1_672_531_200 + number}.1`,
    ),
  };
  const seriesUid = (series: number): Uid => uid(`${key.studyInstanceUid}.${series}`);
  const sopUid = (series: number, image: number): Uid =>
    uid(`${key.studyInstanceUid.slice(0, -2)}.${series}.${image}`);
  const keyOf = (series: number, image: number): InstanceKey => ({
    ...key,
    seriesInstanceUid: seriesUid(series),
    sopInstanceUid: sopUid(series, image),
  });
  const patientDigest = createHash('sha256').update(`patient ${patient}`).digest();
  const syllable = (at: number): string => SYLLABLES[(patientDigest[at] ?? 0) % SYLLABLES.length] ?? '';
  const stem = syllable(0) + syllable(1);
  const ending = ENDINGS[(patientDigest[2] ?? 0) % ENDINGS.length] ?? '';
  const given = GIVEN[(patientDigest[3] ?? 0) % GIVEN.length] ?? '';
  const familyName = `${stem[0]?.toUpperCase() ?? ''}${stem.slice(1)}${ending}`;
  const patientId = `MRN${String(1_000_000 + patient)}`;
  const day = new Date(Date.UTC(2023, 0, 1 + (number % 1000)));
  const studyDate = day.toISOString().slice(0, 10).replaceAll('-', '');
  const pickedSeries = salt % exam.series.length;

  function* arrive(receivedAt: () => number): Generator<StoredInstance, void, undefined> {
    const study = {
      SpecificCharacterSet: 'ISO_IR 100',
      PatientName: `${familyName}^${given}`,
      PatientID: patientId,
      PatientBirthDate: `19${String(40 + (patient % 60))}0615`,
      PatientSex: patient % 2 === 0 ? 'F' : 'M',
      StudyDate: studyDate,
      StudyTime: '101500.000',
      StudyID: String(number),
      AccessionNumber: `ACC${String(10_000_000 + number)}`,
      StudyDescription: exam.description,
      ReferringPhysicianName: 'Exampleson^Rudolf^^Dr',
      InstitutionName: 'City Medical Center',
    };
    for (const [series, images] of exam.series.entries()) {
      for (let image = 1; image <= images; image += 1) {
        const instanceKey = keyOf(series + 1, image);
        yield {
          key: instanceKey,
          header: {
            ...instanceKey,
            sopClassUid: exam.sopClassUid,
            study,
            series: {
              Modality: exam.modality,
              SeriesNumber: String(series + 1),
              SeriesDescription: `${exam.description} ${series + 1}`,
              BodyPartExamined: 'CHEST',
              Manufacturer: 'Synthetic Imaging Works',
              StationName: `${exam.modality}1`,
            },
            image: {
              instanceNumber: image,
              rows: exam.side,
              columns: exam.side,
              bitsAllocated: 16,
              bitsStored: 12,
              highBit: 11,
              pixelRepresentation: 0,
              samplesPerPixel: 1,
              photometricInterpretation: 'MONOCHROME2',
              rescaleIntercept: -1024,
              rescaleSlope: 1,
              pixelData: 'integer',
            },
          },
          origin: {
            source: 'dimse',
            customer: key.customer,
            callingAeTitle: `${exam.modality}1`,
            calledAeTitle: 'CITYMED',
            peerAddress: '10.20.0.11',
          },
          transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
          fileBytes: 2 * exam.side * exam.side + 2048,
          dataSetOffset: 344,
          sha256: createHash('sha256').update(instanceKey.sopInstanceUid).digest('hex'),
          receivedAt: receivedAt(),
          integrity: 'complete',
        };
      }
    }
  }

  return {
    key,
    patientId,
    familyName,
    studyDate,
    instances: exam.series.reduce((sum, images) => sum + images, 0),
    someInstance: keyOf(pickedSeries + 1, 1 + (salt % (exam.series[pickedSeries] ?? 1))),
    arrive,
  };
}

function examination(
  share: number,
  modality: string,
  storageClass: string,
  description: string,
  series: readonly number[],
  side: number,
): Examination {
  const sopClassUid = uid(`1.2.840.10008.5.1.4.1.1.${storageClass}`);
  return { share, modality, sopClassUid, description, series, side };
}

/** Picks by weight; weights sum to 1. @param chance from 0 up to but not 1. */
function weighted<T>(choices: readonly (readonly [T, number])[], chance: number): T {
  let left = chance;
  for (const [choice, weight] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  const last = choices.at(-1);
  if (last === undefined) throw new RangeError('nothing to choose from');
  return last[0];
}
