import type { createDataSetBuilder } from './data-set-builder.ts';
import type { SyntheticInstance } from './data-sets.ts';

/** The elements that name an object, its class, its study and its series. */
export function identityElements(
  build: ReturnType<typeof createDataSetBuilder>,
  identity: Pick<
    SyntheticInstance,
    'sopClassUid' | 'sopInstanceUid' | 'studyInstanceUid' | 'seriesInstanceUid'
  >,
): Buffer {
  return Buffer.concat([
    build.element(0x00080016, 'UI', identity.sopClassUid),
    build.element(0x00080018, 'UI', identity.sopInstanceUid),
    build.element(0x0020000d, 'UI', identity.studyInstanceUid),
    build.element(0x0020000e, 'UI', identity.seriesInstanceUid),
  ]);
}
