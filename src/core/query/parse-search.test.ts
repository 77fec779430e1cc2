import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uid } from '../../dicom/uid.ts';
import type { StudyAttributes } from '../study/header.ts';
import { customerKey } from '../study/instance.ts';
import { matchesAll } from './conditions.ts';
import type { Found, FoundSeries, QueryLevel } from './found.ts';
import { parseSearch } from './parse-search.ts';
import { QueryError } from './query-error.ts';
import type { SearchRequest } from './search-query.ts';

const parse = (query: string, level: QueryLevel = 'study'): SearchRequest =>
  parseSearch(new URLSearchParams(query), level);

interface Fields {
  readonly study?: StudyAttributes;
  readonly modalities?: readonly string[];
  readonly series?: FoundSeries['attributes'];
}

const found = ({ study = {}, modalities = ['CT'], series }: Fields): Found => ({
  study: {
    customer: customerKey('city-medical'),
    studyInstanceUid: uid('1.2.3'),
    attributes: study,
    modalities,
    sopClasses: ['1.2.840.10008.5.1.4.1.1.2'],
    seriesCount: 2,
    instanceCount: 5,
  },
  ...(series && {
    series: { seriesInstanceUid: uid('1.2.3.4'), attributes: series, instanceCount: 5 },
  }),
});

/** Whether a search for studies, or for series where the fields have one, finds something like that. */
function finds(query: string, fields: Fields): boolean {
  const { conditions } = parse(query, fields.series ? 'series' : 'study');
  const match = found(fields);
  return matchesAll(conditions.study, match) && matchesAll(conditions.series, match);
}

describe('keys', () => {
  it.each(['PatientID=P-1', '00100020=P-1'])('are keywords or tags: %s', (query) => {
    expect(finds(query, { study: { PatientID: 'P-1' } })).toBe(true);
    expect(finds(query, { study: { PatientID: 'P-2' } })).toBe(false);
    expect(finds(query, {})).toBe(false);
  });

  it.each([
    'RequestAttributesSequence.ScheduledProcedureStepID=S1',
    '00400275.00400009=S1',
    '00400275.ScheduledProcedureStepID=S1',
    'ScheduledProcedureStepID=S1',
  ])('reach into sequences: %s', (query) => {
    expect(finds(query, { series: { ScheduledProcedureStepID: 'S1' } })).toBe(true);
    expect(finds(query, { series: { ScheduledProcedureStepID: 'S2' } })).toBe(false);
  });

  it.each([
    'PatientNmae=DOE',
    'Foo.Bar=1',
    'PatientID=1&00100020=1',
    'StudyDate=yesterday',
    'StudyDate=20240230',
    'StudyDate=20240101-20240102-20240103',
    'StudyDate=-',
    'StudyTime=2500',
    'StudyInstanceUID=1.2.x',
    'NumberOfStudyRelatedInstances=many',
    'limit=-1',
    'limit=ten',
    'offset=1.5',
    'limit=1&limit=2',
    'fuzzymatching=perhaps',
    'includefield=NoSuchKeyword',
  ])('are refused: %s', (query) => {
    expect(() => parse(query)).toThrow(QueryError);
  });

  it('are not repeated in the error', () => {
    expect(() => parse('StudyDate=Doe^Jane')).toThrow(/^StudyDate must be a date/);
  });

  it.each([
    ['SOPInstanceUID=1.2', 'SOPInstanceUID cannot be matched in a search for studies'],
    ['PatientComments=x', 'PatientComments cannot be matched here'],
    ['00091001=x', '00091001 cannot be matched here'],
    ['TimezoneOffsetFromUTC=x', 'TimezoneOffsetFromUTC cannot be matched'],
    ['includefield=PatientComments', 'PatientComments cannot be returned here'],
    ['orderby=x', 'orderby is not supported'],
  ])('are left out with a warning: %s', (query, warning) => {
    const { warnings, conditions } = parse(query);
    expect(warnings).toEqual([expect.stringContaining(warning)]);
    expect(conditions).toEqual({ study: [], series: [], instance: [] });
  });

  it('leave content negotiation and the token to others', () => {
    expect(parse('accept=application/json&token=x&charset=utf-8').warnings).toEqual([]);
  });

  it('match everything without a value, and are returned', () => {
    const { conditions, include } = parse('PatientID=&StudyID=*&InstitutionName');
    expect(conditions.study).toEqual([]);
    expect([...(include as ReadonlySet<{ keyword: string }>)].map(({ keyword }) => keyword)).toEqual([
      'PatientID',
      'StudyID',
      'InstitutionName',
    ]);
  });
});

describe('text', () => {
  it.each([
    ['PatientID=P*', 'P-17', true],
    ['PatientID=P-1?', 'P-17', true],
    ['PatientID=P-?', 'P-17', false],
    ['PatientID=*1*', 'P-17', true],
    ['PatientID=p-17', 'P-17', false],
    ['PatientID=P%2D17', 'P-17', true],
    ['PatientID=P.17', 'P-17', false],
    ['PatientID=%20P-17%20', 'P-17', true],
    ['PatientID=A%5CP-17', 'P-17', false],
    ['multiplevaluematching=true&PatientID=A%5CP-17', 'P-17', true],
  ])('%s and %s: %s', (query, PatientID, expected) => {
    expect(finds(query, { study: { PatientID } })).toBe(expected);
  });

  it('takes no longer for a pattern that is made to', () => {
    expect(finds(`PatientID=${'*a'.repeat(400)}`, { study: { PatientID: 'a'.repeat(399) } })).toBe(false);
  });

  it('finds what has no value, when told to', () => {
    const query = 'emptyvaluematching=true&AccessionNumber=""';
    expect(finds(query, {})).toBe(true);
    expect(finds(query, { study: { AccessionNumber: 'A' } })).toBe(false);
    expect(finds('AccessionNumber=""', {})).toBe(false);
  });

  it('finds modalities, one or several', () => {
    const modalities = ['CT', 'SR'];
    expect(finds('ModalitiesInStudy=SR', { modalities })).toBe(true);
    expect(finds('ModalitiesInStudy=MR%5CSR', { modalities })).toBe(true);
    expect(finds('ModalitiesInStudy=MR,CT', { modalities })).toBe(true);
    expect(finds('ModalitiesInStudy=MR', { modalities })).toBe(false);
    expect(finds('Modality=MR', { modalities })).toBe(false);
    expect(finds('Modality=CT', { modalities })).toBe(true);
    expect(finds('Modality=CT', { modalities, series: { Modality: 'SR' } })).toBe(false);
  });
});

describe('UIDs', () => {
  it.each([
    ['StudyInstanceUID=1.2.3', true],
    ['StudyInstanceUID=9.9,1.2.3', true],
    ['StudyInstanceUID=9.9%5C1.2.3', true],
    ['StudyInstanceUID=9.9', false],
    ['StudyInstanceUID=1.2', false],
    ['SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2', true],
  ])('%s: %s', (query, expected) => {
    expect(finds(query, {})).toBe(expected);
  });
});

describe('numbers', () => {
  it('are compared as numbers', () => {
    expect(finds('SeriesNumber=7', { series: { SeriesNumber: '007' } })).toBe(true);
    expect(finds('SeriesNumber=7', { series: { SeriesNumber: '70' } })).toBe(false);
  });
});

describe('Person Names', () => {
  it.each([
    ['doe^jane', 'Doe^Jane', true],
    ['DOE^JANE^^^', 'Doe^Jane', true],
    ['doe', 'Doe^Jane', false],
    ['doe*', 'Doe^Jane', true],
    ['doe^*', 'Doe', true],
    ['*jane', 'Doe^Jane', true],
    ['muller^jorg', 'Müller^Jörg', true],
    ['Müller^Jörg', 'MULLER^JORG', true],
    ['山田^太郎', 'Yamada^Tarou=山田^太郎=やまだ^たろう', true],
    ['yamada*', 'Yamada^Tarou=山田^太郎', true],
    ['Yamada^Tarou=山田*', 'Yamada^Tarou=山田^太郎', true],
    ['tarou*', 'Yamada^Tarou=山田^太郎', false],
    ['d?e^j*', 'Doe^Jane', true],
  ])('%s and %s: %s', (query, PatientName, expected) => {
    expect(finds(`PatientName=${encodeURIComponent(query)}`, { study: { PatientName } })).toBe(expected);
  });

  it.each([
    ['jane doe', true],
    ['ja', true],
    ['do ja', true],
    ['JÁNE', true],
    ['ane', false],
    ['doe john', false],
  ])('fuzzily by the beginnings of words: %s: %s', (query, expected) => {
    const parameters = `fuzzymatching=true&PatientName=${encodeURIComponent(query)}`;
    expect(finds(parameters, { study: { PatientName: 'Doe^Jane' } })).toBe(expected);
  });
});

describe('dates and times', () => {
  it.each([
    ['StudyDate=20240229', true],
    ['StudyDate=20240228', false],
    ['StudyDate=20240201-20240229', true],
    ['StudyDate=20240301-', false],
    ['StudyDate=20240229-', true],
    ['StudyDate=-20240229', true],
    ['StudyDate=-20240228', false],
    ['StudyDate=2024.02.29', true],
    ['StudyTime=101530', true],
    ['StudyTime=10', true],
    ['StudyTime=1015-1016', true],
    ['StudyTime=-1015', true],
    ['StudyTime=-1014', false],
    ['StudyTime=101531-', false],
  ])('%s: %s', (query, expected) => {
    const study = { StudyDate: '20240229', StudyTime: '101530.250000' };
    expect(finds(query, { study })).toBe(expected);
    expect(finds(query, { study: { ...study, StudyDate: '2024.02.29' } })).toBe(expected);
    expect(finds(query, {})).toBe(false);
  });

  it.each([
    ['20240228', '1200', false],
    ['20240228', '2300', true],
    ['20240229', '2359', true],
    ['20240301', '0000', true],
    ['20240301', '0600', true],
    ['20240301', '0601', false],
    ['20240302', '0100', false],
    ['20240301', undefined, true],
  ])('a range of both is one span: %s %s: %s', (StudyDate, StudyTime, expected) => {
    const study: StudyAttributes = { StudyDate, ...(StudyTime && { StudyTime }) };
    expect(finds('StudyDate=20240228-20240301&StudyTime=2200-0600', { study })).toBe(expected);
  });
});

describe('paging and fields', () => {
  it('reads limit, offset and includefield', () => {
    expect(parse('limit=5&offset=10')).toMatchObject({ limit: 5, offset: 10 });
    expect(parse('').limit).toBeUndefined();
    expect(parse('includefield=all').include).toBe('all');
    const { include } = parse('includefield=StudyDescription,00101010&includefield=PatientWeight');
    expect([...(include as ReadonlySet<{ keyword: string }>)].map(({ keyword }) => keyword)).toEqual([
      'StudyDescription',
      'PatientAge',
      'PatientWeight',
    ]);
  });
});

it('understands or refuses whatever is asked, and never fails', () => {
  const key = fc.constantFrom(
    'PatientName',
    'PatientID',
    'StudyDate',
    'StudyTime',
    'SeriesNumber',
    'limit',
    'includefield',
  );
  const value = fc.string({
    unit: fc.constantFrom('*', '?', '^', '=', '\\\\', '-', ' ', '0', '2', 'a', 'É', '山'),
    maxLength: 60,
  });
  const pairs = fc.array(fc.tuple(fc.oneof(key, fc.string()), fc.oneof(value, fc.string())), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(pairs, fc.boolean(), value, (parameters, isFuzzy, PatientName) => {
      try {
        const { conditions } = parseSearch([...parameters, ['fuzzymatching', String(isFuzzy)]], 'instance');
        matchesAll(conditions.study, found({ study: { PatientName, StudyDate: '20240101' } }));
      } catch (error) {
        expect(error).toBeInstanceOf(QueryError);
      }
    }),
  );
});

it('finds every name by itself and by any beginning of it', () => {
  const name = fc.string({
    unit: fc.constantFrom('a', 'B', 'é', '山', '^', ' ', '='),
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(name, fc.nat(30), (PatientName, length) => {
      const query = new URLSearchParams({ PatientName }).toString();
      expect(
        finds(query, { study: { PatientName: `${PatientName}x` } }) ||
          finds(query, { study: { PatientName } }),
      ).toBe(true);
      const start = PatientName.slice(0, length).trimEnd();
      if (/[=^ ]$/.test(start)) return;
      expect(
        finds(new URLSearchParams({ PatientName: `${start}*` }).toString(), {
          study: { PatientName: `${PatientName}x` },
        }),
      ).toBe(true);
    }),
  );
});
