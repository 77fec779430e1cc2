import { jsonString } from './json-values.ts';

/** Sorts the attributes of a DICOM JSON Model object by name, within its sequences too (PS3.18 F.2.2). */
export function sortedJson(json: string): string {
  return write(JSON.parse(json) as unknown);
}

// Not by JSON.stringify: JavaScript moves names that look like array indices, such as 20010010, to the front.
function write(value: unknown): string {
  if (typeof value === 'string') return jsonString(value);
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  const isDataSet = entries.every(([name]) => /^[0-9A-F]{8}$/.test(name));
  if (isDataSet) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, of]) => `"${name}":${write(of)}`).join(',')}}`;
}
