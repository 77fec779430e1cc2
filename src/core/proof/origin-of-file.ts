import { parseAeTitle } from '../../dicom/ae-title.ts';
import { IMPLEMENTATION_CLASS_UID } from '../../dicom/implementation.ts';
import type { FileMeta } from '../../dicom/part10/file-meta.ts';
import type { CustomerKey, InstanceOrigin } from '../study/instance.ts';

/**
 * How an instance came in, as far as its File Meta Information tells. What came over DICOM has File Meta Information of
 * the daemon with the AE titles of the Association; anything else counts as imported. The peer's address is not in it.
 */
export function originOfFile(customer: CustomerKey, meta: FileMeta): InstanceOrigin {
  const callingAeTitle = parseAeTitle(meta.sendingApplicationEntityTitle ?? '');
  const calledAeTitle = parseAeTitle(meta.receivingApplicationEntityTitle ?? '');
  const isOurs = meta.implementationClassUid === IMPLEMENTATION_CLASS_UID;
  if (!isOurs || callingAeTitle === undefined || calledAeTitle === undefined)
    return { source: 'import', customer };
  return { source: 'dimse', customer, callingAeTitle, calledAeTitle };
}
