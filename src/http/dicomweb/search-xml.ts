import { randomUUID } from 'node:crypto';
import { QUERY_ATTRIBUTES, QUERY_SEQUENCES, tagHex } from '../../core/query/attributes.ts';
import type { JsonDataSet } from './search-json.ts';

const KEYWORDS: ReadonlyMap<string, string> = new Map([
  ...[...QUERY_ATTRIBUTES, ...QUERY_SEQUENCES].map(({ tag, keyword }) => [tagHex(tag), keyword] as const),
  ['00080005', 'SpecificCharacterSet'],
  ['00080056', 'InstanceAvailability'],
  ['00081190', 'RetrieveURL'],
]);
const NAME_PARTS = ['FamilyName', 'GivenName', 'MiddleName', 'NamePrefix', 'NameSuffix'] as const;

/** Results as `multipart/related` with a Native DICOM Model (PS3.19 A.1) in each part. */
export function createMultipartXml() {
  const boundary = randomUUID();
  return {
    contentType: `multipart/related; type="application/dicom+xml"; boundary=${boundary}`,
    /** One part. */
    write: (dataSet: JsonDataSet): string =>
      `--${boundary}\r\nContent-Type: application/dicom+xml\r\n\r\n` +
      `<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">${elementsOf(dataSet)}</NativeDicomModel>\r\n`,
    end: `--${boundary}--\r\n`,
  };
}

function elementsOf(dataSet: JsonDataSet): string {
  return Object.entries(dataSet)
    .map(([tag, { vr, Value }]) => {
      const keyword = KEYWORDS.get(tag);
      const name = keyword === undefined ? '' : ` keyword="${keyword}"`;
      const values = (Value ?? []).map((value, place) => valueOf(vr, value, place + 1)).join('');
      return `<DicomAttribute tag="${tag}" vr="${vr}"${name}>${values}</DicomAttribute>`;
    })
    .join('');
}

function valueOf(vr: string, value: unknown, number: number): string {
  if (value === null) return `<Value number="${number}"/>`;
  if (vr === 'SQ') return `<Item number="${number}">${elementsOf(value as JsonDataSet)}</Item>`;
  if (vr === 'PN') {
    const groups = Object.entries(value as Record<string, string>).map(
      ([group, name]) => `<${group}>${nameParts(name)}</${group}>`,
    );
    return `<PersonName number="${number}">${groups.join('')}</PersonName>`;
  }
  return `<Value number="${number}">${escapeXml(typeof value === 'number' ? String(value) : (value as string))}</Value>`;
}

function nameParts(name: string): string {
  return name
    .split('^')
    .map((part, place) => {
      const element = NAME_PARTS[place];
      return element === undefined || part === '' ? '' : `<${element}>${escapeXml(part)}</${element}>`;
    })
    .join('');
}

/** Also drops what XML 1.0 has no way to say. */
function escapeXml(text: string): string {
  return text
    .replace(/(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu, '')
    .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
