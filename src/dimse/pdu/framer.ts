import { checkPduHeader, decodeControlPdu } from './reader.ts';
import type { PduLimits } from './reader.ts';
import { PDU_HEADER_BYTES, PDV_HEADER_BYTES, PduError } from './types.ts';
import type { ControlPdu, PduName } from './types.ts';

/**
 * What the framer found, in the order of the stream. Callbacks must not feed the framer; a PduError that one throws
 * counts as found by the framer.
 */
export interface PduSink {
  /** Any PDU but P-DATA-TF, decoded. @returns false to stop behind it. */
  onPdu(pdu: ControlPdu): boolean;
  /** The header of a P-DATA-TF. @returns false to have its PDVs skipped. */
  onPDataTf(): boolean;
  /**
   * A piece of a PDV's fragment: a slice of the chunk, not copied.
   * @param isLast this piece ends a fragment that is marked the last of its message.
   * @returns false to stop behind it.
   */
  onFragment(presentationContextId: number, isCommand: boolean, bytes: Buffer, isLast: boolean): boolean;
  /** The stream cannot be followed any further: everything after this is dropped. */
  onInvalid(error: PduError): void;
}

export interface PduFramer {
  /**
   * Reads on from `chunk`, starting at `from`.
   * @returns the offset behind what was read: the chunk's length, or less where the sink asked to stop; call again
   *   with that offset to go on.
   */
  feed(chunk: Buffer, from: number): number;
}

export interface PduFramerOptions {
  readonly limits: PduLimits;
  readonly sink: PduSink;
}

type Phase = 'pdu-header' | 'control-body' | 'pdv-header' | 'pdv-fragment' | 'skip-pdu' | 'invalid';

/** A body grows with what arrives, not with what is announced, so that announcing costs the peer as much as sending. */
const FIRST_BODY_BYTES = 4096;

/**
 * Cuts a byte stream into PDUs (PS3.8 9.3) without ever holding a P-DATA-TF: its fragments pass through as slices of
 * the chunks they came in. Control PDUs are gathered up to the limits.
 */
export function createPduFramer({ limits, sink }: PduFramerOptions): PduFramer {
  let phase: Phase = 'pdu-header';
  const header = Buffer.alloc(Math.max(PDU_HEADER_BYTES, PDV_HEADER_BYTES));
  let headerFill = 0;
  let controlName: Exclude<PduName, 'P-DATA-TF'> = 'A-ABORT';
  let body = Buffer.alloc(0);
  let bodyFill = 0;
  /** Bytes of the current PDU's variable field that are still to come. */
  let pduRemaining = 0;
  let fragmentRemaining = 0;
  let contextId = 0;
  let isCommand = false;
  let isLastFragment = false;

  /** Gathers a header that may be torn across chunks. @returns how many bytes of `chunk` it took. */
  function fillHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(header.length - headerFill, chunk.length - at);
    chunk.copy(header, headerFill, at, at + taken);
    headerFill += taken;
    return taken;
  }

  function beginPdu(): void {
    const length = header.readUInt32BE(2);
    const name = checkPduHeader(header.readUInt8(0), length, limits);
    pduRemaining = length;
    if (name === 'P-DATA-TF') {
      phase = sink.onPDataTf() ? 'pdv-header' : 'skip-pdu';
      return;
    }
    controlName = name;
    body = Buffer.allocUnsafe(Math.min(length, FIRST_BODY_BYTES));
    bodyFill = 0;
    phase = 'control-body';
  }

  function takeBody(chunk: Buffer, at: number): number {
    const taken = Math.min(pduRemaining, chunk.length - at);
    if (bodyFill + taken > body.length) {
      const larger = Buffer.allocUnsafe(
        Math.min(bodyFill + pduRemaining, Math.max(bodyFill + taken, body.length * 2)),
      );
      body.copy(larger, 0, 0, bodyFill);
      body = larger;
    }
    chunk.copy(body, bodyFill, at, at + taken);
    bodyFill += taken;
    pduRemaining -= taken;
    return taken;
  }

  function beginPdv(): void {
    const itemLength = header.readUInt32BE(0);
    pduRemaining -= PDV_HEADER_BYTES;
    // The two bytes behind Item-length count into it.
    if (itemLength < 2 || itemLength - 2 > pduRemaining) {
      throw new PduError(
        'invalid-PDU-parameter-value',
        `PDV Item-length ${itemLength} does not fit the ${pduRemaining + 2} bytes left of its P-DATA-TF`,
      );
    }
    fragmentRemaining = itemLength - 2;
    contextId = header.readUInt8(4);
    const control = header.readUInt8(5);
    isCommand = (control & 1) !== 0;
    isLastFragment = (control & 2) !== 0;
    phase = 'pdv-fragment';
  }

  function endPdv(): void {
    if (pduRemaining === 0) phase = 'pdu-header';
    else if (pduRemaining >= PDV_HEADER_BYTES) phase = 'pdv-header';
    else {
      throw new PduError(
        'invalid-PDU-parameter-value',
        `${pduRemaining} bytes are left behind the last PDV of a P-DATA-TF`,
      );
    }
  }

  function run(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      switch (phase) {
        case 'pdu-header':
          at += fillHeader(chunk, at);
          if (headerFill < PDU_HEADER_BYTES) return at;
          headerFill = 0;
          beginPdu();
          break;
        case 'control-body':
          at += takeBody(chunk, at);
          if (pduRemaining > 0) return at;
          phase = 'pdu-header';
          if (!sink.onPdu(decodeControlPdu(controlName, body.subarray(0, bodyFill)))) return at;
          break;
        case 'pdv-header': {
          at += fillHeader(chunk, at);
          if (headerFill < PDV_HEADER_BYTES) return at;
          headerFill = 0;
          beginPdv();
          // An empty fragment has no bytes to wait for: it is complete with its header.
          if (fragmentRemaining > 0) break;
          endPdv();
          if (!sink.onFragment(contextId, isCommand, chunk.subarray(at, at), isLastFragment)) return at;
          break;
        }
        case 'pdv-fragment': {
          const taken = Math.min(fragmentRemaining, chunk.length - at);
          const piece = chunk.subarray(at, at + taken);
          at += taken;
          fragmentRemaining -= taken;
          pduRemaining -= taken;
          const isComplete = fragmentRemaining === 0;
          if (isComplete) endPdv();
          if (!sink.onFragment(contextId, isCommand, piece, isComplete && isLastFragment)) return at;
          break;
        }
        case 'skip-pdu': {
          const taken = Math.min(pduRemaining, chunk.length - at);
          at += taken;
          pduRemaining -= taken;
          if (pduRemaining === 0) phase = 'pdu-header';
          break;
        }
        case 'invalid':
          return chunk.length;
      }
    }
    return at;
  }

  return {
    feed(chunk, from) {
      try {
        return run(chunk, from);
      } catch (error) {
        if (!(error instanceof PduError)) throw error;
        phase = 'invalid';
        sink.onInvalid(error);
        return chunk.length;
      }
    },
  };
}
