import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { encapsulatePdf } from './encapsulated-pdf.ts';
import { writeFileMeta } from './part10/file-meta.ts';
import { uid } from './uid.ts';

interface Read {
  readonly dict: Readonly<
    Record<string, { readonly vr: string; readonly Value: readonly unknown[] } | undefined>
  >;
}
const dcmjs = createRequire(import.meta.url)('dcmjs') as {
  readonly data: { readonly DicomMessage: { readFile(bytes: ArrayBuffer): Read } };
};

const pdf = Buffer.from('%PDF-1.4\nodd');
const options = {
  subject: {
    studyInstanceUid: uid('1.2.3'),
    PatientName: 'Yamada^Tarou=山田^太郎=やまだ^たろう',
    PatientID: 'P-1',
    PatientSex: 'X',
    AccessionNumber: 'A-1',
    StudyDescription: 'CT Schädel\\HALS',
    ContentTime: '120000',
  },
  pdf,
  title: 'Befund für Dr. Müller',
  name: 'city/1.2.3/rep_1/v1',
  instanceNumber: 2,
  at: new Date(2026, 0, 5, 9, 41, 7).getTime(),
};

function read(object: ReturnType<typeof encapsulatePdf>): Read {
  const file = Buffer.concat([writeFileMeta(object), object.dataSet]);
  return dcmjs.data.DicomMessage.readFile(Uint8Array.from(file).buffer);
}

describe('encapsulatePdf', () => {
  it('makes an object of the patient and study, in a character set that holds every name', () => {
    const { dict } = read(encapsulatePdf(options));
    const value = (tag: string) => dict[tag]?.Value[0];
    expect(value('00080016')).toBe('1.2.840.10008.5.1.4.1.1.104.1');
    expect(String(value('00080005'))).toMatch(/ISO_IR 192|UTF-8/);
    expect(JSON.stringify(value('00100010'))).toContain('山田^太郎');
    expect([value('00100020'), value('00080050'), value('0020000D'), value('00080060')]).toEqual([
      'P-1',
      'A-1',
      '1.2.3',
      'DOC',
    ]);
    // A value that PatientSex cannot have is left out; of several descriptions the first is taken.
    expect(dict['00100040']?.Value.filter((sex) => sex !== '' && sex !== undefined) ?? []).toEqual([]);
    expect(value('00081030')).toBe('CT Schädel');
    expect(value('00420010')).toBe('Befund für Dr. Müller');
    expect([value('00080023'), value('00080033'), Number(value('00200013'))]).toEqual([
      '20260105',
      '094107',
      2,
    ]);
  });

  it('holds the PDF whole, padded to an even length', () => {
    const { dict } = read(encapsulatePdf(options));
    const [content] = dict['00420011']?.Value ?? [];
    expect(Buffer.from(content as ArrayBuffer).subarray(0, pdf.length)).toEqual(pdf);
    expect(Number(dict['00420015']?.Value[0])).toBe(pdf.length);
    expect(dict['00420012']?.Value[0]).toBe('application/pdf');
  });

  it('is the same object for the same name, and another for another', () => {
    const [one, again] = [encapsulatePdf(options), encapsulatePdf(options)];
    expect(again.sopInstanceUid).toBe(one.sopInstanceUid);
    expect(again.dataSet.equals(one.dataSet)).toBe(true);
    const other = encapsulatePdf({ ...options, name: 'city/1.2.3/rep_1/v2' });
    expect(other.sopInstanceUid).not.toBe(one.sopInstanceUid);
    expect(other.seriesInstanceUid).toBe(one.seriesInstanceUid);
  });
});
