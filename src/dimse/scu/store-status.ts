/** What a C-STORE-RSP's Status says: kept, kept with a remark, or refused. */
export interface StoreStatus {
  readonly kind: 'success' | 'warning' | 'refused';
  /** `0xA700 out of resources`. */
  readonly text: string;
}

/** PS3.4 Table B.2-1 and, for the general ones, PS3.7 Annex C. */
const NAMES = new Map<number, string>([
  [0x0000, 'success'],
  [0x0105, 'no such attribute'],
  [0x0106, 'invalid attribute value'],
  [0x0110, 'processing failure'],
  [0x0111, 'duplicate SOP Instance'],
  [0x0112, 'no such SOP Instance'],
  [0x0117, 'invalid SOP Instance'],
  [0x0118, 'no such SOP Class'],
  [0x0122, 'SOP Class not supported'],
  [0x0124, 'not authorized'],
  [0x0210, 'duplicate invocation'],
  [0x0211, 'unrecognized operation'],
  [0x0212, 'mistyped argument'],
  [0x0213, 'resource limitation'],
  [0xb000, 'coercion of data elements'],
  [0xb006, 'elements discarded'],
  [0xb007, 'Data Set does not match SOP Class'],
]);

/** Reads a Status as PS3.4 B.2.3 defines it for C-STORE. @param status as received. */
export function describeStoreStatus(status: number): StoreStatus {
  const name = NAMES.get(status) ?? nameOfRange(status);
  const number = `0x${status.toString(16).toUpperCase().padStart(4, '0')}`;
  const kind = status === 0 ? 'success' : isWarning(status) ? 'warning' : 'refused';
  return { kind, text: name === undefined ? number : `${number} ${name}` };
}

/** PS3.7 C.1.3: 0001, Bxxx, 0107 and 0116. */
function isWarning(status: number): boolean {
  return status === 0x0001 || status >> 12 === 0xb || status === 0x0107 || status === 0x0116;
}

function nameOfRange(status: number): string | undefined {
  if (status >> 8 === 0xa7) return 'out of resources';
  if (status >> 8 === 0xa9) return 'Data Set does not match SOP Class';
  if (status >> 12 === 0xc) return 'cannot understand';
  return isWarning(status) ? 'warning' : undefined;
}
