import { createHash } from 'node:crypto';

import type Database from 'better-sqlite3';

import type { ImageAttributes } from '../core/study/header.ts';
import type { SeriesContents } from '../core/ports/study-index.ts';
import type { CustomerKey, InstanceKey, StudyKey } from '../core/study/instance.ts';
import type { InstanceRecord, InstanceRun, SeriesDescription, SeriesRecord } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';
import { parseSeriesAttributes } from './rows.ts';
import { orderOf, slicesOf } from './slices.ts';
import type { Slices } from './slices.ts';
import type { TextValues } from './text-values.ts';

/** Read as arrays, and numbers instead of repeated texts: a study may have many thousand of these. */
type InstanceRow = readonly [
  seriesId: number,
  sopUid: Uid,
  sopClassId: number,
  transferSyntaxId: number,
  imageId: number,
  instanceNumber: number | null,
  fileBytes: number,
  dataSetOffset: number,
  sha256: string,
  receivedAt: number,
];

/** Lists with commas between: gathering them costs less than handing each row over. */
type SlicesRow = readonly [
  sopUids: string,
  instanceNumbers: string,
  /** `<sop_class_id> <image_id>` */
  kinds: string,
];

interface SeriesRow {
  readonly id: number;
  readonly series_uid: Uid;
  readonly instances: number;
  readonly attributes: string;
}

interface ContentsRow {
  readonly series_uid: Uid;
  readonly instances: number;
  readonly lines: string;
}

const INSTANCE_COLUMNS = `
  instance.series_id, instance.sop_uid, instance.sop_class_id, instance.transfer_syntax_id, instance.image_id,
  instance.instance_number, instance.file_bytes, instance.data_set_offset, instance.sha256, instance.received_at`;

/** The prepared queries of series and instances. */
export class InstanceReader {
  readonly #texts: TextValues;
  readonly #instance: Database.Statement<[string, string, string, string], InstanceRow>;
  readonly #bySopUid: Database.Statement<[string, string], { study_uid: Uid; series_uid: Uid }>;
  readonly #instances: Database.Statement<[string, string], InstanceRow>;
  readonly #instancesOfSeries: Database.Statement<[string, string, string], InstanceRow>;
  readonly #slices: Database.Statement<[number], SlicesRow | readonly [null, null, null]>;
  readonly #series: Database.Statement<[string, string], SeriesRow>;

  readonly #contents: Database.Statement<[string, string], ContentsRow>;

  constructor(db: Database.Database, texts: TextValues) {
    this.#texts = texts;
    const fromInstance = `
      FROM study JOIN series ON series.study_id = study.id JOIN instance ON instance.series_id = series.id
      WHERE study.study_uid = ? AND study.customer = ?`;
    this.#instance = db.prepare<[string, string, string, string], InstanceRow>(
      `SELECT ${INSTANCE_COLUMNS} ${fromInstance} AND series.series_uid = ? AND instance.sop_uid = ?`,
    );
    this.#instance.raw();
    // From the instance's side: a SOP Instance UID is nearly unique, a customer has everything.
    this.#bySopUid = db.prepare(`
      SELECT study.study_uid, series.series_uid FROM instance
      CROSS JOIN series ON series.id = instance.series_id CROSS JOIN study ON study.id = series.study_id
      WHERE instance.sop_uid = ? AND study.customer = ? ORDER BY instance.id`);
    this.#instances = db.prepare<[string, string], InstanceRow>(`
      SELECT ${INSTANCE_COLUMNS} ${fromInstance}
      ORDER BY series.series_number IS NULL, series.series_number, series.series_uid,
        instance.instance_number IS NULL, instance.instance_number, instance.sop_uid`);
    this.#instances.raw();
    this.#instancesOfSeries = db.prepare<[string, string, string], InstanceRow>(`
      SELECT ${INSTANCE_COLUMNS} ${fromInstance} AND series.series_uid = ?
      ORDER BY instance.instance_number IS NULL, instance.instance_number, instance.sop_uid`);
    this.#instancesOfSeries.raw();
    // Series by series: grouped by SQLite, the rows would be sorted first.
    this.#slices = db.prepare(`
      SELECT group_concat(sop_uid), group_concat(coalesce(instance_number, '')),
        group_concat(sop_class_id || ' ' || image_id)
      FROM instance WHERE series_id = ?`);
    this.#slices.raw();
    this.#series = db.prepare(`
      SELECT series.id, series.series_uid, series.instances, series.attributes
      FROM study JOIN series ON series.study_id = study.id WHERE study.study_uid = ? AND study.customer = ?
      ORDER BY series.series_number IS NULL, series.series_number, series.series_uid`);
    // Joined by SQLite: rows of their own would cost ten times as much for a study of many images.
    this.#contents = db.prepare(`
      SELECT series.series_uid, count(*) AS instances,
        group_concat(
          instance.sop_uid || ' ' || instance.sha256, ' '
          ORDER BY instance.instance_number IS NULL, instance.instance_number, instance.sop_uid) AS lines
      FROM study JOIN series ON series.study_id = study.id JOIN instance ON instance.series_id = series.id
      WHERE study.study_uid = ? AND study.customer = ?
      GROUP BY series.id
      ORDER BY series.series_number IS NULL, series.series_number, series.series_uid`);
  }

  findInstance(key: InstanceKey): InstanceRecord | undefined {
    const { studyInstanceUid, customer, seriesInstanceUid, sopInstanceUid } = key;
    const row = this.#instance.get(studyInstanceUid, customer, seriesInstanceUid, sopInstanceUid);
    return row && this.#record(key, seriesInstanceUid, row);
  }

  findInstancesBySopUid(customer: CustomerKey, sopInstanceUid: Uid): readonly InstanceRecord[] {
    return this.#bySopUid.all(sopInstanceUid, customer).flatMap((row) => {
      const [studyInstanceUid, seriesInstanceUid] = [row.study_uid, row.series_uid];
      return this.findInstance({ customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid }) ?? [];
    });
  }

  listInstances(key: StudyKey, seriesInstanceUid?: Uid): readonly InstanceRecord[] {
    if (seriesInstanceUid !== undefined)
      return this.#instancesOfSeries
        .all(key.studyInstanceUid, key.customer, seriesInstanceUid)
        .map((row) => this.#record(key, seriesInstanceUid, row));
    const seriesUids = new Map<number, Uid>();
    for (const series of this.#series.all(key.studyInstanceUid, key.customer)) {
      seriesUids.set(series.id, series.series_uid);
    }
    return this.#instances.all(key.studyInstanceUid, key.customer).flatMap((row) => {
      const seriesUid = seriesUids.get(row[0]);
      return seriesUid === undefined ? [] : this.#record(key, seriesUid, row);
    });
  }

  describeStudy(key: StudyKey): readonly SeriesDescription[] {
    return this.#series.all(key.studyInstanceUid, key.customer).map((row) => {
      const [sopUids, numbers, kinds] = this.#slices.get(row.id) ?? [null, null, null];
      return {
        ...toSeriesRecord(row),
        runs: sopUids === null ? [] : this.#runs(slicesOf(sopUids, numbers, kinds)),
      };
    });
  }

  listSeries(key: StudyKey): readonly SeriesRecord[] {
    return this.#series.all(key.studyInstanceUid, key.customer).map(toSeriesRecord);
  }

  listContents(key: StudyKey): readonly SeriesContents[] {
    return this.#contents.all(key.studyInstanceUid, key.customer).map(({ series_uid, instances, lines }) => ({
      seriesInstanceUid: series_uid,
      instances,
      digest: createHash('sha256').update(lines).digest('hex'),
    }));
  }

  #runs(slices: Slices): readonly InstanceRun[] {
    const { sopUids, numbers, kinds } = slices;
    const runs: InstanceRun[] = [];
    const order = orderOf(slices);
    for (let start = 0, end = 0; start < order.length; start = end) {
      const kind = kinds[order[start] ?? 0];
      while (end < order.length && kinds[order[end] ?? 0] === kind) end += 1;
      const places = order.slice(start, end);
      const [sopClassId, imageId] = (kind ?? '').split(' ');
      runs.push({
        sopClassUid: this.#texts.textOf(Number(sopClassId)) as Uid,
        image: this.#texts.jsonOf(Number(imageId)),
        sopInstanceUids: places.map((place) => sopUids[place] as Uid),
        instanceNumbers: places.map((place) => numbers[place]),
      });
    }
    return runs;
  }

  #record(
    { customer, studyInstanceUid }: StudyKey,
    seriesInstanceUid: Uid,
    row: InstanceRow,
  ): InstanceRecord {
    const texts = this.#texts;
    const image = texts.jsonOf(row[4]) as ImageAttributes;
    return {
      key: { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid: row[1] },
      sopClassUid: texts.textOf(row[2]) as Uid,
      transferSyntaxUid: texts.textOf(row[3]) as Uid,
      fileBytes: row[6],
      dataSetOffset: row[7],
      sha256: row[8],
      receivedAt: row[9],
      image: row[5] === null ? image : { ...image, instanceNumber: row[5] },
    };
  }
}

function toSeriesRecord(row: SeriesRow): SeriesRecord {
  return {
    seriesInstanceUid: row.series_uid,
    attributes: parseSeriesAttributes(row.attributes),
    instances: row.instances,
  };
}
