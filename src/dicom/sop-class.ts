import { STORAGE_SOP_CLASS_ROWS } from './dictionary/storage-sop-classes.ts';
import { uid as toUid, type Uid } from './uid.ts';

export interface SopClass {
  readonly uid: Uid;
  readonly name: string;
  readonly retired: boolean;
}

/** PS3.4 A.4. */
export const VERIFICATION_SOP_CLASS_UID = toUid('1.2.840.10008.1.1');
/** PS3.4 J.3. */
export const STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID = toUid('1.2.840.10008.1.20.1');
/** The one instance of the Storage Commitment Push Model, PS3.4 J.3.5. */
export const STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID = toUid('1.2.840.10008.1.20.1.1');
/** The class of a DICOMDIR: an index of media, never sent over C-STORE. */
export const MEDIA_STORAGE_DIRECTORY_SOP_CLASS_UID = toUid('1.2.840.10008.1.3.10');

const STANDARD_ROOT = '1.2.840.10008.';
const STORAGE_ROOT = '1.2.840.10008.5.1.4.1.1.';

/** Query, retrieve and inventory services that were registered under the root of the storage classes. */
const SERVICES_UNDER_STORAGE_ROOT: ReadonlySet<string> = new Set(
  ['200.4', '200.5', '200.6', '201.2', '201.3', '201.4', '201.5', '201.6'].map(
    (suffix) => STORAGE_ROOT + suffix,
  ),
);

/** Every standard Storage SOP Class, retired ones and the non-patient ones included. */
export const STORAGE_SOP_CLASSES: readonly SopClass[] = STORAGE_SOP_CLASS_ROWS.map(
  ([suffix, name, retired]) => ({
    uid: toUid(STANDARD_ROOT + suffix),
    name,
    retired: retired === 'retired',
  }),
);

const STORAGE_BY_UID: ReadonlyMap<string, SopClass> = new Map(
  STORAGE_SOP_CLASSES.map((sopClass) => [sopClass.uid, sopClass]),
);

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  [VERIFICATION_SOP_CLASS_UID, 'Verification'],
  [STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID, 'Storage Commitment Push Model'],
  [MEDIA_STORAGE_DIRECTORY_SOP_CLASS_UID, 'Media Storage Directory Storage'],
]);

/** Name of a SOP Class as PS3.6 has it; undefined for private ones and for those this daemon has no use for. */
export function sopClassName(uid: string): string | undefined {
  return STORAGE_BY_UID.get(uid)?.name ?? OTHER_NAMES.get(uid);
}

/**
 * Tells whether a SOP Class is one whose instances are sent by C-STORE: the standard ones, those that later editions
 * of the standard will add under the same root, and private ones, which no table can know.
 * @param uid a valid UID without padding.
 */
export function isStorageSopClass(uid: string): boolean {
  if (STORAGE_BY_UID.has(uid)) return true;
  if (uid.startsWith(STORAGE_ROOT)) return !SERVICES_UNDER_STORAGE_ROOT.has(uid);
  return !uid.startsWith(STANDARD_ROOT);
}
