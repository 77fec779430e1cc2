import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

import { TAGS } from '../../dicom/dictionary/tags.ts';
import type { DataSetScan } from '../../dicom/part10/data-set-scan.ts';
import { createDataSetScanner } from '../../dicom/part10/data-set-scanner.ts';
import { readFileMeta } from '../../dicom/part10/file-meta.ts';
import { inflateDataSet } from '../../dicom/part10/inflate.ts';
import { assumedTransferSyntax } from '../../dicom/transfer-syntax.ts';
import { extractHeader, HEADER_TAGS } from './extract-header.ts';
import type { InstanceHeader, StudyKeyword } from './header.ts';

const corpus = process.env.DICOM_CORPUS;
if (corpus === undefined) {
  process.stdout.write('DICOM_CORPUS is unset: the header of no real file is checked.\n');
}

/** Verdicts on the files that are wrong in some way, by path; every other Part 10 file is complete. */
const ODD_VERDICTS: Readonly<Record<string, string>> = {
  'MR_truncated.dcm': 'truncated: The bytes end inside (7fe0,0010).',
  'rtplan_truncated.dcm': 'truncated: The bytes end inside (300a,00b0).',
  // Declared JPEG, encoded in Implicit VR; DCMTK gives up on it too.
  'SC_rgb_jpeg.dcm': 'malformed: The Data Set is not in Explicit VR as its Transfer Syntax says.',
};

/** Part 10 files made for one purpose, without the UIDs of an instance. */
const NO_INSTANCE: ReadonlySet<string> = new Set([
  'UN_sequence.dcm',
  'charset_files/chrSQEncoding.dcm',
  'charset_files/chrSQEncoding1.dcm',
  'empty_charset_LEI.dcm',
  'nested_priv_SQ.dcm',
  'no_meta_group_length.dcm',
  'priv_SQ.dcm',
]);

interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
}

function listSamples(root: string): Sample[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: relative(root, path), bytes: readFileSync(path) }));
}

async function scanSample(bytes: Buffer, chunkLength: number): Promise<DataSetScan | string> {
  const meta = readFileMeta(bytes);
  if (meta.kind === 'not-part-10') return meta.reason;
  if (meta.kind === 'needs-more') return 'The file ends in its File Meta Information.';
  if (meta.transferSyntaxUid === undefined) return 'No Transfer Syntax UID.';
  const syntax = assumedTransferSyntax(meta.transferSyntaxUid);
  const scanner = createDataSetScanner({ transferSyntax: syntax, wanted: HEADER_TAGS });
  const raw = bytes.subarray(meta.dataSetOffset);
  const dataSet = syntax.deflated ? (await inflateDataSet(raw)).bytes : raw;
  for (let pos = 0; pos < dataSet.length; pos += chunkLength) {
    scanner.write(dataSet.subarray(pos, pos + chunkLength));
  }
  return scanner.end();
}

function verdict(scan: DataSetScan): string {
  return scan.reason === undefined ? scan.integrity : `${scan.integrity}: ${scan.reason}`;
}

const samples = corpus === undefined ? [] : listSamples(corpus);
const ofDicomdir = /DICOMDIR[^/]*$/;

describe.runIf(corpus !== undefined)('real files', () => {
  it.each(samples)('$name has the verdict it deserves, however it is split', async ({ name, bytes }) => {
    const scan = await scanSample(bytes, 64 * 1024);
    if (typeof scan === 'string') return;
    expect(verdict(scan)).toBe(ODD_VERDICTS[name] ?? 'complete');
    expect(await scanSample(bytes, 13)).toEqual(scan);
    const extraction = extractHeader(scan);
    if (ofDicomdir.test(name)) return;
    if (NO_INSTANCE.has(name)) {
      expect(extraction).toEqual({ ok: false, reason: 'SOPClassUID (0008,0016) is missing.' });
    } else if (scan.integrity !== 'malformed') {
      expect(extraction).toMatchObject({ ok: true });
    }
  });

  it('finds Part 10 in all files but those known not to be', async () => {
    const refused = await Promise.all(
      samples.map(async ({ name, bytes }) => {
        const scan = await scanSample(bytes, 64 * 1024);
        return typeof scan === 'string' ? `${name}: ${scan}` : undefined;
      }),
    );
    const noDicom = /\.(?:md|txt|dump|json|gz)$|README$/;
    expect(refused.filter((line) => line !== undefined && !noDicom.test(line.split(':')[0] ?? ''))).toEqual([
      'ExplVR_BigEndNoMeta.dcm: No DICM prefix at byte 128.',
      'ExplVR_LitEndNoMeta.dcm: No DICM prefix at byte 128.',
      'meta_missing_tsyntax.dcm: No Transfer Syntax UID.',
      'no_meta.dcm: No DICM prefix at byte 128.',
      'rtstruct.dcm: No DICM prefix at byte 128.',
    ]);
  });

  it('notices each cut through encapsulated Pixel Data', async () => {
    const { bytes } = samples.find(({ name }) => name === 'JPEG2000.dcm') ?? { bytes: Buffer.alloc(0) };
    const start = bytes.indexOf(Buffer.from('e07f1000', 'hex'));
    expect(start).toBeGreaterThan(0);
    for (let end = start + 1; end < bytes.length; end++) {
      const scan = await scanSample(bytes.subarray(0, end), 4096);
      expect(scan).toMatchObject({ integrity: 'truncated' });
    }
  });
});

/** The header of every file that has one. */
async function headersOf(): Promise<(Sample & { header: InstanceHeader; scan: DataSetScan })[]> {
  const found = [];
  for (const sample of samples) {
    const scan = await scanSample(sample.bytes, 64 * 1024);
    if (typeof scan === 'string' || scan.integrity === 'malformed') continue;
    const extraction = extractHeader(scan);
    if (extraction.ok) found.push({ ...sample, header: extraction.header, scan });
  }
  return found;
}

const COMPARED = [
  'PatientID',
  'PatientBirthDate',
  'PatientSex',
  'StudyDate',
  'StudyTime',
  'StudyID',
  'AccessionNumber',
  'StudyDescription',
  'InstitutionName',
  'ProtocolName',
] as const satisfies readonly StudyKeyword[];

/** A value as the header would hold it. */
function asHeaderValue(text: string): string | undefined {
  const trimmed = text
    .split('\\')
    .map((value) => value.replace(/\0+$/, '').trim())
    .join('\\');
  return trimmed.replaceAll('\\', '') === '' ? undefined : trimmed;
}

describe.runIf(corpus !== undefined)('headers of real files agree with dcmjs', { timeout: 60_000 }, () => {
  interface DcmjsElement {
    readonly Value?: readonly (string | number | null | undefined)[];
  }
  interface DcmjsModule {
    readonly data: {
      readonly DicomMessage: {
        readFile(bytes: ArrayBuffer): { readonly dict: Readonly<Record<string, DcmjsElement | undefined>> };
      };
    };
    readonly log: { setLevel(level: string): void };
  }
  const dcmjs = createRequire(import.meta.url)('dcmjs') as DcmjsModule;
  dcmjs.log.setLevel('silent');

  it('in identifiers, dates, texts and numbers', async () => {
    const differences: string[] = [];
    let compared = 0;
    for (const { name, bytes, header } of await headersOf()) {
      let dict: ReturnType<DcmjsModule['data']['DicomMessage']['readFile']>['dict'];
      try {
        ({ dict } = dcmjs.data.DicomMessage.readFile(Uint8Array.from(bytes).buffer));
      } catch {
        continue;
      }
      compared++;
      const theirs = (keyword: keyof typeof TAGS) => {
        const key = TAGS[keyword].tag.toString(16).padStart(8, '0').toUpperCase();
        const values = dict[key]?.Value ?? [];
        return asHeaderValue(values.map((value) => String(value ?? '')).join('\\'));
      };
      const check = (keyword: keyof typeof TAGS, ours: string | number | undefined) => {
        const expected = theirs(keyword);
        if (expected !== (ours === undefined ? undefined : String(ours))) {
          differences.push(
            `${name} ${keyword}: ${JSON.stringify(ours)} here, ${JSON.stringify(expected)} there`,
          );
        }
      };
      check('SOPInstanceUID', header.sopInstanceUid);
      check('SOPClassUID', header.sopClassUid);
      check('StudyInstanceUID', header.studyInstanceUid);
      check('SeriesInstanceUID', header.seriesInstanceUid);
      for (const keyword of COMPARED) check(keyword, header.study[keyword]);
      check('Modality', header.series.Modality);
      check('Rows', header.image.rows);
      check('Columns', header.image.columns);
      check('BitsAllocated', header.image.bitsAllocated);
      check('InstanceNumber', header.image.instanceNumber);
    }
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(100);
  });
});

const hasDcmdump = corpus !== undefined && spawnSync('dcmdump', ['--version']).status === 0;
if (corpus !== undefined && !hasDcmdump) {
  process.stdout.write('dcmdump is not on PATH: headers are not compared with DCMTK.\n');
}

describe.runIf(hasDcmdump)('headers of real files agree with dcmdump', { timeout: 120_000 }, () => {
  it('in identifiers and dates', async () => {
    const keywords = [
      'SOPInstanceUID',
      'StudyInstanceUID',
      'SeriesInstanceUID',
      'PatientID',
      'StudyDate',
    ] as const;
    const search = keywords.flatMap((keyword) => ['+P', keyword]);
    const differences: string[] = [];
    for (const { name, header, scan } of await headersOf()) {
      if (scan.integrity !== 'complete') continue;
      const printed = execFileSync(
        'dcmdump',
        ['-q', '-Un', '+p', '+L', ...search, join(corpus ?? '', name)],
        {
          encoding: 'latin1',
        },
      );
      const theirs = new Map<string, string>();
      // Elements inside sequences are printed with a path before the tag. Values of VR UN come in hexadecimal.
      for (const match of printed.matchAll(
        /^\(\w{4},\w{4}\) \w\w (?:\[(.*)\]|([0-9a-f\\]+)) +#.* (\w+)$/gm,
      )) {
        const [, text, hexadecimal = '', keyword = ''] = match;
        theirs.set(keyword, text ?? Buffer.from(hexadecimal.replaceAll('\\', ''), 'hex').toString('latin1'));
      }
      const ours = {
        SOPInstanceUID: header.sopInstanceUid,
        StudyInstanceUID: header.studyInstanceUid,
        SeriesInstanceUID: header.seriesInstanceUid,
        PatientID: header.study.PatientID,
        StudyDate: header.study.StudyDate,
      };
      for (const keyword of keywords) {
        const expected = asHeaderValue(theirs.get(keyword) ?? '');
        if (expected !== ours[keyword]) {
          differences.push(`${name} ${keyword}: ${ours[keyword]} here, ${expected} there`);
        }
      }
    }
    expect(differences).toEqual([]);
  });
});

describe.runIf(corpus !== undefined)('text of real files', () => {
  // PS3.5 annexes H, I, J and K show these names.
  it.each([
    ['chrArab.dcm', 'قباني^لنزار'],
    ['chrFren.dcm', 'Buc^Jérôme'],
    ['chrFrenMulti.dcm', 'Buc^Jérôme'],
    ['chrGerm.dcm', 'Äneas^Rüdiger'],
    ['chrGreek.dcm', 'Διονυσιος'],
    ['chrH31.dcm', 'Yamada^Tarou=山田^太郎=やまだ^たろう'],
    ['chrH32.dcm', 'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう'],
    ['chrHbrw.dcm', 'שרון^דבורה'],
    ['chrI2.dcm', 'Hong^Gildong=洪^吉洞=홍^길동'],
    ['chrJapMulti.dcm', 'やまだ^たろう'],
    ['chrJapMultiExplicitIR6.dcm', 'やまだ^たろう'],
    ['chrKoreanMulti.dcm', '김희중'],
    ['chrRuss.dcm', 'Люкceмбypг'],
    ['chrX1.dcm', 'Wang^XiaoDong=王^小東='],
    ['chrX2.dcm', 'Wang^XiaoDong=王^小东='],
  ])('%s names %s', async (name, expected) => {
    const { bytes } = samples.find((sample) => sample.name === join('charset_files', name)) ?? {};
    const scan = await scanSample(bytes ?? Buffer.alloc(0), 64 * 1024);
    if (typeof scan === 'string') throw new Error(scan);
    const extraction = extractHeader(scan);
    if (!extraction.ok) throw new Error(extraction.reason);
    expect(extraction.header.study.PatientName).toBe(expected);
  });
});
