import { isDeepStrictEqual } from 'node:util';
import type { Product } from '../../core/study/study.ts';
import type { StudyBody } from '../mappers.ts';

/** Members that a PATCH may change. Assignment is Avara's users' business once the study is there. */
const CHANGEABLE: Readonly<Record<Product, readonly string[]>> = {
  viewer: ['studyDescription', 'severity', 'metadata'],
  autoScribe: [
    'studyDescription',
    'severity',
    'metadata',
    'modality',
    'externalPatientId',
    'clinicalIndication',
    'clinicalHistory',
    'reportMetadata',
  ],
};

/**
 * The body of a PATCH: what is different now, and nothing else, so that what was changed at Avara in between stays.
 * What is gone is null where the API takes null; `metadata` is sent whole, because Avara may replace it.
 * @returns undefined where nothing is different.
 */
export function mapChanges(
  product: Product,
  before: Partial<StudyBody>,
  now: StudyBody,
): Readonly<Record<string, unknown>> | undefined {
  const told = before as Readonly<Record<string, unknown>>;
  const current = now as unknown as Readonly<Record<string, unknown>>;
  const changes: Record<string, unknown> = {};
  for (const name of CHANGEABLE[product]) {
    if (isDeepStrictEqual(told[name], current[name])) continue;
    changes[name] =
      name === 'reportMetadata'
        ? changedMembers(asRecord(told[name]), asRecord(current[name]))
        : (current[name] ?? null);
  }
  return Object.keys(changes).length === 0 ? undefined : changes;
}

function changedMembers(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  const changed = [...names].filter((name) => !isDeepStrictEqual(before[name], now[name]));
  return Object.fromEntries(changed.map((name) => [name, now[name] ?? null]));
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
