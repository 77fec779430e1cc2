import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';

import { createDataSetBuilder, type DataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { createDataSetScanner } from '../../dicom/part10/data-set-scanner.ts';
import { assumedTransferSyntax } from '../../dicom/transfer-syntax.ts';
import { uid } from '../../dicom/uid.ts';
import { extractHeader, HEADER_TAGS } from './extract-header.ts';
import type { InstanceHeader } from './header.ts';

const SYNTAXES = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'].map((text) =>
  assumedTransferSyntax(uid(text)),
);
const [, EXPLICIT] = SYNTAXES;

function extract(syntax: (typeof SYNTAXES)[number] | undefined, elements: readonly Buffer[]) {
  if (syntax === undefined) throw new Error('no such syntax');
  const scanner = createDataSetScanner({ transferSyntax: syntax, wanted: HEADER_TAGS });
  scanner.write(Buffer.concat(elements));
  return extractHeader(scanner.end());
}

function headerOf(
  syntax: (typeof SYNTAXES)[number] | undefined,
  elements: readonly Buffer[],
): InstanceHeader {
  const extraction = extract(syntax, elements);
  if (!extraction.ok) throw new Error(extraction.reason);
  return extraction.header;
}

/** SOP Class, SOP Instance, Study, Series: in the order of their tags, with the elements between them. */
function withUids(
  build: DataSetBuilder,
  between: readonly Buffer[] = [],
  after: readonly Buffer[] = [],
): Buffer[] {
  return [
    build.element(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
    build.element(0x00080018, 'UI', '1.2.3.4.5'),
    ...between,
    build.element(0x0020000d, 'UI', '1.2.3'),
    build.element(0x0020000e, 'UI', '1.2.3.4'),
    ...after,
  ];
}

describe.each(SYNTAXES)('a header in $name', (syntax) => {
  const build = createDataSetBuilder(syntax);

  it('is taken completely', () => {
    const code = build.item([build.element(0x00080104, 'LO', 'CT of head')]);
    const request = build.item([
      build.element(0x00321060, 'LO', 'Head CT'),
      build.element(0x00400007, 'LO', 'Plain'),
      build.element(0x00400009, 'SH', 'SPS1'),
      build.element(0x00401001, 'SH', 'RP1'),
      build.element(0x00401002, 'LO', 'Headache'),
    ]);
    const header = headerOf(
      syntax,
      withUids(
        build,
        [
          build.element(0x00080020, 'DA', '20240131'),
          build.element(0x00080021, 'DA', ''),
          build.element(0x00080030, 'TM', '101112.5'),
          build.element(0x00080060, 'CS', 'CT'),
          build.element(0x00080090, 'PN', '^^^^'),
          build.sequence(0x00081032, [code]),
          build.element(0x0008103e, 'LO', ' Axial  '),
          build.element(0x00100010, 'PN', 'Doe^Jane '),
          build.element(0x00100020, 'LO', 'P-1'),
          build.element(0x00101030, 'DS', '71.5'),
          build.element(0x00181030, 'LO', 'HEAD\\ROUTINE'),
        ],
        [
          build.element(0x00200011, 'IS', '3'),
          build.element(0x00200013, 'IS', ' 17 '),
          build.element(0x00280002, 'US', build.number16(1)),
          build.element(0x00280004, 'CS', 'MONOCHROME2'),
          build.element(0x00280008, 'IS', '1A'),
          build.element(0x00280010, 'US', build.number16(512)),
          build.element(0x00280011, 'US', build.number16(511)),
          build.element(0x00280100, 'US', build.number16(16)),
          build.element(0x00280101, 'US', build.number16(12)),
          build.element(0x00280102, 'US', build.number16(11)),
          build.element(0x00280103, 'US', build.number16(0)),
          build.element(0x00281052, 'DS', '-1024\\0'),
          build.element(0x00281053, 'DS', '1.0E0'),
          build.sequence(0x00400275, [request]),
          build.element(0x7fe00010, 'OW', Buffer.alloc(8)),
        ],
      ),
    );
    expect(header).toEqual({
      studyInstanceUid: '1.2.3',
      seriesInstanceUid: '1.2.3.4',
      sopInstanceUid: '1.2.3.4.5',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      study: {
        StudyDate: '20240131',
        StudyTime: '101112.5',
        PatientName: 'Doe^Jane',
        PatientID: 'P-1',
        PatientWeight: '71.5',
        ProtocolName: 'HEAD\\ROUTINE',
        ProcedureCodeMeaning: 'CT of head',
        RequestAttributesRequestedProcedureDescription: 'Head CT',
        RequestAttributesScheduledProcedureStepDescription: 'Plain',
        RequestAttributesReasonForTheRequestedProcedure: 'Headache',
      },
      series: {
        Modality: 'CT',
        SeriesNumber: '3',
        SeriesDescription: 'Axial',
        ProtocolName: 'HEAD\\ROUTINE',
        ScheduledProcedureStepID: 'SPS1',
        RequestedProcedureID: 'RP1',
      },
      image: {
        instanceNumber: 17,
        rows: 512,
        columns: 511,
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
    });
  });
});

describe('text of a header', () => {
  const build = createDataSetBuilder({ explicitVr: true, littleEndian: true });
  const latin1 = build.element(0x00080005, 'CS', 'ISO_IR 100');

  it('is decoded by the character set of the Data Set', () => {
    const { study } = headerOf(EXPLICIT, [
      latin1,
      ...withUids(build, [build.element(0x00100010, 'PN', 'J\xe9r\xf4me^Ren\xe9')]),
    ]);
    expect(study).toMatchObject({ SpecificCharacterSet: 'ISO_IR 100', PatientName: 'Jérôme^René' });
  });

  it('in items is decoded by the character set of the item, or else that of the Data Set', () => {
    const own = [
      build.element(0x00080005, 'CS', 'ISO_IR 192'),
      build.element(0x00321060, 'LO', 'Sch\xc3\xa4del'),
    ];
    const inherited = [build.element(0x00321060, 'LO', 'Sch\xe4del')];
    for (const item of [own, inherited]) {
      const { study } = headerOf(EXPLICIT, [
        latin1,
        ...withUids(build, [], [build.sequence(0x00400275, [build.item(item)])]),
      ]);
      expect(study.RequestAttributesRequestedProcedureDescription).toBe('Schädel');
    }
  });
});

describe('a header without its UIDs', () => {
  const build = createDataSetBuilder({ explicitVr: true, littleEndian: true });
  const tags = [
    [0x00080016, 'SOPClassUID (0008,0016)'],
    [0x00080018, 'SOPInstanceUID (0008,0018)'],
    [0x0020000d, 'StudyInstanceUID (0020,000d)'],
    [0x0020000e, 'SeriesInstanceUID (0020,000e)'],
  ] as const;

  it.each(tags)('%s is refused by name', (missing, name) => {
    const others = tags.filter(([tag]) => tag !== missing);
    const withValue = (value: string) =>
      [...others.map(([tag]) => [tag, '1.2.3'] as const), [missing, value] as const]
        .sort(([a], [b]) => a - b)
        .map(([tag, text]) => build.element(tag, 'UI', text));
    const absent = others.map(([tag]) => build.element(tag, 'UI', '1.2.3'));
    expect(extract(EXPLICIT, absent)).toEqual({ ok: false, reason: `${name} is missing.` });
    expect(extract(EXPLICIT, withValue(''))).toEqual({ ok: false, reason: `${name} is empty.` });
    expect(extract(EXPLICIT, withValue('\0\0'))).toEqual({ ok: false, reason: `${name} is empty.` });
    for (const bad of ['../../etc/passwd', '1.2\\1.3', `1.${'2'.repeat(64)}`, '1.'.repeat(9000)]) {
      expect(extract(EXPLICIT, withValue(bad))).toEqual({ ok: false, reason: `${name} is not a UID.` });
    }
    expect(`${name} is missing.`.length).toBeLessThanOrEqual(64);
  });
});
