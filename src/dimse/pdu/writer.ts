import { encodeAssociateBody } from './associate.ts';
import { PDU_HEADER_BYTES, PDU_TYPE, PDV_HEADER_BYTES } from './types.ts';
import type { Pdu, PresentationDataValue } from './types.ts';

/** Encodes any PDU, header included. @throws RangeError for values that do not fit their fields. */
export function writePdu(pdu: Pdu): Buffer {
  switch (pdu.type) {
    case 'A-ASSOCIATE-RQ':
    case 'A-ASSOCIATE-AC':
      return withHeader(pdu.type, encodeAssociateBody(pdu));
    case 'A-ASSOCIATE-RJ':
      return withHeader(pdu.type, Buffer.from([0, pdu.result, pdu.source, pdu.reason]));
    case 'P-DATA-TF':
      return withHeader(pdu.type, Buffer.concat(pdu.presentationDataValues.map(encodePdv)));
    case 'A-RELEASE-RQ':
    case 'A-RELEASE-RP':
      return withHeader(pdu.type, Buffer.alloc(4));
    case 'A-ABORT':
      return withHeader(pdu.type, Buffer.from([0, 0, pdu.source, pdu.reason]));
  }
}

function withHeader(name: keyof typeof PDU_TYPE, body: Buffer): Buffer {
  const pdu = Buffer.allocUnsafe(PDU_HEADER_BYTES + body.length);
  pdu.writeUInt8(PDU_TYPE[name], 0);
  pdu.writeUInt8(0, 1);
  pdu.writeUInt32BE(body.length, 2);
  body.copy(pdu, PDU_HEADER_BYTES);
  return pdu;
}

function encodePdv(pdv: PresentationDataValue): Buffer {
  const header = Buffer.allocUnsafe(PDV_HEADER_BYTES);
  header.writeUInt32BE(pdv.fragment.length + 2, 0);
  header.writeUInt8(pdv.presentationContextId, 4);
  header.writeUInt8((pdv.isCommand ? 1 : 0) | (pdv.isLastFragment ? 2 : 0), 5);
  return Buffer.concat([header, pdv.fragment]);
}

/**
 * Puts one Command Set or Data Set into P-DATA-TF PDUs of one PDV each, in a single buffer to send at once.
 * @param maxPduLengthBytes the peer's Maximum-length-received; 0 means no limit. Anything below 8 bytes could not
 *   carry a PDV with an even fragment, so it counts as 8.
 */
export function writeMessagePdus(
  presentationContextId: number,
  isCommand: boolean,
  message: Buffer,
  maxPduLengthBytes: number,
): Buffer {
  const limit = maxPduLengthBytes === 0 ? Infinity : Math.max(maxPduLengthBytes, PDV_HEADER_BYTES + 2);
  const room = limit - PDV_HEADER_BYTES;
  // Fragments stay even, as every encoded Data Set is (PS3.8 9.3.5.1).
  const fragmentBytes = room === Infinity ? Math.max(message.length, 1) : room - (room % 2);
  const count = Math.max(1, Math.ceil(message.length / fragmentBytes));
  const out = Buffer.allocUnsafe(message.length + count * (PDU_HEADER_BYTES + PDV_HEADER_BYTES));
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    const from = index * fragmentBytes;
    const to = Math.min(message.length, from + fragmentBytes);
    const isLast = index === count - 1;
    out.writeUInt8(PDU_TYPE['P-DATA-TF'], at);
    out.writeUInt8(0, at + 1);
    out.writeUInt32BE(to - from + PDV_HEADER_BYTES, at + 2);
    out.writeUInt32BE(to - from + 2, at + 6);
    out.writeUInt8(presentationContextId, at + 10);
    out.writeUInt8((isCommand ? 1 : 0) | (isLast ? 2 : 0), at + 11);
    message.copy(out, at + 12, from, to);
    at += 12 + to - from;
  }
  return out;
}
