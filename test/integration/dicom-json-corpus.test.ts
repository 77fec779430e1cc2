import type { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { ByteWindow, readableBuffer } from '../../src/dicom/data-set/byte-window.ts';
import { walkObject } from '../../src/dicom/data-set/walk-object.ts';
import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { assumedTransferSyntax } from '../../src/dicom/transfer-syntax.ts';
import { listCorpus } from '../support/corpus.ts';
import { encodePart10Json } from '../support/encoded-json.ts';
import type { JsonAttribute, JsonDataSet } from '../support/encoded-json.ts';
import { arePeersInstalled } from '../support/peer-programs.ts';

const corpus = listCorpus();

describe.skipIf(corpus.length === 0)('DICOM JSON of real files', () => {
  it('is written for each of them', async () => {
    const faults: string[] = [];
    let encoded = 0;
    for (const { name, bytes } of corpus) {
      const json = await encodePart10Json(bytes);
      if (json === undefined) continue;
      encoded += 1;
      if (json.fault !== undefined) faults.push(name);
    }
    expect(encoded).toBeGreaterThan(150);
    // Cut off, of no Transfer Syntax, or not in the one that they name.
    expect(faults).toEqual([
      'MR_truncated.dcm',
      'SC_rgb_jpeg.dcm',
      'dicomdirtests/DICOMDIR-nooffset',
      'meta_missing_tsyntax.dcm',
      'rtplan_truncated.dcm',
    ]);
  });

  it.skipIf(!arePeersInstalled('dcm2json'))('says what dcm2json says', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'dicom-json-'));
    const differences: string[] = [];
    let compared = 0;
    try {
      for (const { name, bytes } of corpus) {
        const ours = await encodePart10Json(bytes);
        if (ours === undefined || ours.fault !== undefined) continue;
        const theirs = dcm2json(path.join(folder, 'object.dcm'), withoutPixels(bytes));
        if (theirs === undefined) continue;
        compared += 1;
        compare(ours.object, theirs, name, differences);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(compared).toBeGreaterThan(150);
    expect(differences).toEqual([
      // DCMTK does not decode what an item's own Specific Character Set allows it to,
      'charset_files/chrSQEncoding.dcm 00321064[0].00100010',
      // and pads values of odd length.
      'nested_priv_SQ.dcm 00010001[0].00010002',
    ]);
  });
});

/** The file up to its Pixel Data, because dcm2json refuses fragments; what stands behind goes with them. */
function withoutPixels(file: Buffer): Buffer {
  const meta = readFileMeta(file);
  if (meta.kind !== 'complete' || meta.transferSyntaxUid === undefined) return file;
  const syntax = assumedTransferSyntax(meta.transferSyntaxUid);
  if (!syntax.encapsulated) return file;
  const window = new ByteWindow();
  window.open(readableBuffer(file));
  let end = file.length;
  const nothing = () => undefined;
  walkObject(window, meta.dataSetOffset, syntax, {
    element: ({ tag, position }) => {
      if (tag === 0x7fe00010) end = Math.min(end, position - 12);
    },
    beginSequence: nothing,
    beginItem: nothing,
    endItem: nothing,
    endSequence: nothing,
  });
  return file.subarray(0, end);
}

/** @returns undefined for what DCMTK cannot write: character sets that its library does not know. */
function dcm2json(place: string, file: Buffer): JsonDataSet | undefined {
  writeFileSync(place, file);
  try {
    const text = execFileSync('dcm2json', ['-q', '-fc', place], {
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 256 * 1024 * 1024,
    });
    return JSON.parse(text.toString()) as JsonDataSet;
  } catch {
    return undefined;
  }
}

/** Notes the places where two objects differ for other than the reasons below. */
function compare(ours: JsonDataSet, theirs: JsonDataSet, place: string, differences: string[]): void {
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [mine, other] = [ours[name], theirs[name]];
    const where = `${place.replace(/ $/, '')} ${name}`.replace(/(\]\.) /, '$1');
    if (other === undefined && name >= '7FE00010') continue;
    // DCMTK leaves unknown what the dictionary knows.
    if (other?.vr === 'UN' && mine !== undefined && mine.vr !== 'UN') continue;
    if (mine?.vr !== other?.vr || mine === undefined || other === undefined) differences.push(where);
    else if (mine.vr === 'SQ') {
      const [items, others] = [mine.Value ?? [], other.Value ?? []];
      if (items.length !== others.length) differences.push(where);
      items.forEach((item, index) =>
        compare(item as JsonDataSet, others[index] as JsonDataSet, `${where}[${index}].`, differences),
      );
    } else if (!isSame(name, mine, other)) differences.push(where);
  }
}

/**
 * Known differences: DCMTK names UTF-8 as the character set (PS3.18 F.2.2 note 3 wants that of the source), prints
 * single floats with fewer digits, and puts large values in line.
 */
function isSame(name: string, mine: JsonAttribute, other: JsonAttribute): boolean {
  if (name === '00080005') return true;
  if (mine.BulkDataURI !== undefined) return other.InlineBinary !== undefined;
  if (mine.vr === 'FL') {
    const floats = ({ Value = [] }: JsonAttribute) => Value.map((value) => Math.fround(Number(value)));
    return JSON.stringify(floats(mine)) === JSON.stringify(floats(other));
  }
  return JSON.stringify(mine) === JSON.stringify(other);
}
