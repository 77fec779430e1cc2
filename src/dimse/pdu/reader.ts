import { decodeAssociateAc, decodeAssociateRq } from './associate.ts';
import { ByteCursor } from './byte-cursor.ts';
import { PDU_HEADER_BYTES, PDU_TYPE, PDV_HEADER_BYTES, PduError } from './types.ts';
import type { ControlPdu, Pdu, PduName, PresentationDataValue } from './types.ts';

/** Longest PDUs that are believed, in bytes of the variable field (what PDU-length counts). */
export interface PduLimits {
  /** For the two associate PDUs. */
  readonly maxAssociatePduBytes: number;
  /** For P-DATA-TF: what was announced as Maximum-length-received; 0 means no limit. */
  readonly maxPDataTfBytes: number;
}

/** Room for 128 Presentation Contexts with every Transfer Syntax of the standard, twice over. */
export const DEFAULT_MAX_ASSOCIATE_PDU_BYTES = 1024 * 1024;

/** The variable field of A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP and A-ABORT. */
const SHORT_PDU_BYTES = 4;

const NAMES = new Map<number, PduName>(
  Object.entries(PDU_TYPE).map(([name, number]) => [number, name as PduName]),
);

/**
 * Checks a PDU header before a byte of what it announces is kept.
 * @returns the PDU's name.
 * @throws PduError for an unknown type and for a length beyond what the limits allow.
 */
export function checkPduHeader(pduType: number, length: number, limits: PduLimits): PduName {
  const name = NAMES.get(pduType);
  if (name === undefined) {
    throw new PduError('unrecognized-PDU', `PDU-type 0x${pduType.toString(16).padStart(2, '0')} is unknown`);
  }
  if (name === 'P-DATA-TF') {
    if (length < PDV_HEADER_BYTES) {
      throw new PduError('invalid-PDU-parameter-value', `P-DATA-TF of ${length} bytes holds no PDV`);
    }
    if (limits.maxPDataTfBytes > 0 && length > limits.maxPDataTfBytes) {
      throw new PduError(
        'invalid-PDU-parameter-value',
        `P-DATA-TF of ${length} bytes is longer than the ${limits.maxPDataTfBytes} announced`,
      );
    }
  } else if (name === 'A-ASSOCIATE-RQ' || name === 'A-ASSOCIATE-AC') {
    if (length > limits.maxAssociatePduBytes) {
      throw new PduError(
        'invalid-PDU-parameter-value',
        `${name} of ${length} bytes is longer than the ${limits.maxAssociatePduBytes} allowed`,
      );
    }
  } else if (length !== SHORT_PDU_BYTES) {
    throw new PduError(
      'invalid-PDU-parameter-value',
      `${name} has PDU-length ${length}, not ${SHORT_PDU_BYTES}`,
    );
  }
  return name;
}

/** Reads the variable field of any PDU but P-DATA-TF. @throws PduError where the field is not as PS3.8 9.3 has it. */
export function decodeControlPdu(name: Exclude<PduName, 'P-DATA-TF'>, body: Buffer): ControlPdu {
  switch (name) {
    case 'A-ASSOCIATE-RQ':
      return decodeAssociateRq(body);
    case 'A-ASSOCIATE-AC':
      return decodeAssociateAc(body);
    case 'A-ASSOCIATE-RJ': {
      const cursor = new ByteCursor(body);
      cursor.skip(1, 'A-ASSOCIATE-RJ reserved byte');
      return {
        type: name,
        result: cursor.uint8('A-ASSOCIATE-RJ Result'),
        source: cursor.uint8('A-ASSOCIATE-RJ Source'),
        reason: cursor.uint8('A-ASSOCIATE-RJ Reason/Diag.'),
      };
    }
    case 'A-RELEASE-RQ':
    case 'A-RELEASE-RP':
      return { type: name };
    case 'A-ABORT': {
      const cursor = new ByteCursor(body);
      cursor.skip(2, 'A-ABORT reserved bytes');
      return {
        type: name,
        source: cursor.uint8('A-ABORT Source'),
        reason: cursor.uint8('A-ABORT Reason/Diag.'),
      };
    }
  }
}

function decodePresentationDataValues(body: Buffer): readonly PresentationDataValue[] {
  const cursor = new ByteCursor(body);
  const values: PresentationDataValue[] = [];
  while (cursor.remaining > 0) {
    const length = cursor.uint32('PDV Item-length');
    const item = cursor.nested(length, 'PDV');
    const presentationContextId = item.uint8('PDV Presentation-context-ID');
    const control = item.uint8('PDV message control header');
    values.push({
      presentationContextId,
      isCommand: (control & 1) !== 0,
      isLastFragment: (control & 2) !== 0,
      fragment: item.bytes(item.remaining, 'PDV fragment'),
    });
  }
  return values;
}

export type ReadPduResult =
  /** Call again with at least this many bytes in all. */
  | { readonly kind: 'need-more'; readonly bytes: number }
  | { readonly kind: 'pdu'; readonly pdu: Pdu; readonly consumedBytes: number }
  | { readonly kind: 'invalid'; readonly error: PduError };

/**
 * Reads the PDU that `bytes` begins with; the whole of it has to be there. The Association itself uses
 * `createPduFramer`, which does not hold P-DATA-TF in memory.
 */
export function readPdu(bytes: Buffer, limits: PduLimits): ReadPduResult {
  if (bytes.length < PDU_HEADER_BYTES) return { kind: 'need-more', bytes: PDU_HEADER_BYTES };
  try {
    const length = bytes.readUInt32BE(2);
    const name = checkPduHeader(bytes.readUInt8(0), length, limits);
    const consumedBytes = PDU_HEADER_BYTES + length;
    if (bytes.length < consumedBytes) return { kind: 'need-more', bytes: consumedBytes };
    const body = bytes.subarray(PDU_HEADER_BYTES, consumedBytes);
    const pdu: Pdu =
      name === 'P-DATA-TF'
        ? { type: name, presentationDataValues: decodePresentationDataValues(body) }
        : decodeControlPdu(name, body);
    return { kind: 'pdu', pdu, consumedBytes };
  } catch (error) {
    if (error instanceof PduError) return { kind: 'invalid', error };
    throw error;
  }
}
