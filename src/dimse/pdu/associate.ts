import { ByteCursor } from './byte-cursor.ts';
import { encodeItem, uint16, uint8 } from './encode-item.ts';
import { ITEM_TYPE, PduError } from './types.ts';
import type {
  AAssociateAc,
  AAssociateRq,
  PresentationContextAnswer,
  ProposedPresentationContext,
  UserInformation,
} from './types.ts';
import { decodeUserInformation, encodeUserInformation } from './user-information.ts';

const AE_TITLE_FIELD_BYTES = 16;
const RESERVED_FIELD_BYTES = 32;
const NO_USER_INFORMATION: UserInformation = {
  roleSelections: [],
  extendedNegotiations: [],
  commonExtendedNegotiations: [],
};

function decodeAssociate<Context>(
  name: string,
  body: Buffer,
  contextItemType: number,
  decodeContext: (id: number, item: ByteCursor) => Context,
) {
  const cursor = new ByteCursor(body);
  const protocolVersion = cursor.uint16(`${name} Protocol-version`);
  cursor.skip(2, `${name} reserved bytes 9-10`);
  const calledAeTitleField = cursor.text(AE_TITLE_FIELD_BYTES, `${name} Called-AE-title`);
  const callingAeTitleField = cursor.text(AE_TITLE_FIELD_BYTES, `${name} Calling-AE-title`);
  const reserved = Buffer.from(cursor.bytes(RESERVED_FIELD_BYTES, `${name} reserved bytes 43-74`));

  let applicationContextName: string | undefined;
  let userInformation: UserInformation | undefined;
  const presentationContexts: Context[] = [];
  const seenIds = new Set<number>();
  while (cursor.remaining > 0) {
    const itemType = cursor.uint8(`${name} item type`);
    cursor.skip(1, `${name} item reserved byte`);
    const length = cursor.uint16(`${name} item length`);
    const item = cursor.nested(length, `${name} item 0x${itemType.toString(16)}`);
    if (itemType === ITEM_TYPE.applicationContext) {
      applicationContextName ??= item.uid(length, 'Application-context-name');
    } else if (itemType === contextItemType) {
      const id = item.uint8('Presentation-context-ID');
      // PS3.8 9.3.2.2: odd, between 1 and 255; what belongs to which of two equal ones could not be told apart.
      if (id % 2 === 0 || seenIds.has(id)) {
        throw new PduError(
          'invalid-PDU-parameter-value',
          `Presentation-context-ID ${id} is ${id % 2 === 0 ? 'even' : 'used twice'}`,
        );
      }
      seenIds.add(id);
      presentationContexts.push(decodeContext(id, item));
    } else if (itemType === ITEM_TYPE.userInformation) {
      userInformation ??= decodeUserInformation(item);
    }
  }
  return {
    protocolVersion,
    calledAeTitleField,
    callingAeTitleField,
    reserved,
    applicationContextName: applicationContextName ?? '',
    presentationContexts,
    userInformation: userInformation ?? NO_USER_INFORMATION,
  };
}

function decodeProposedContext(id: number, item: ByteCursor): ProposedPresentationContext {
  item.skip(3, 'Presentation Context reserved bytes 6-8');
  let abstractSyntaxUid: string | undefined;
  const transferSyntaxUids: string[] = [];
  while (item.remaining > 0) {
    const itemType = item.uint8('Presentation Context sub-item type');
    item.skip(1, 'Presentation Context sub-item reserved byte');
    const length = item.uint16('Presentation Context sub-item length');
    if (itemType === ITEM_TYPE.abstractSyntax) abstractSyntaxUid ??= item.uid(length, 'Abstract-syntax-name');
    else if (itemType === ITEM_TYPE.transferSyntax) {
      transferSyntaxUids.push(item.uid(length, 'Transfer-syntax-name'));
    } else item.skip(length, 'Presentation Context sub-item');
  }
  if (abstractSyntaxUid === undefined) {
    throw new PduError('invalid-PDU-parameter-value', `Presentation Context ${id} has no Abstract Syntax`);
  }
  return { id, abstractSyntaxUid, transferSyntaxUids };
}

function decodeContextAnswer(id: number, item: ByteCursor): PresentationContextAnswer {
  item.skip(1, 'Presentation Context reserved byte 6');
  const result = item.uint8('Presentation Context Result/Reason');
  item.skip(1, 'Presentation Context reserved byte 8');
  let transferSyntaxUid: string | undefined;
  while (item.remaining > 0) {
    const itemType = item.uint8('Presentation Context sub-item type');
    item.skip(1, 'Presentation Context sub-item reserved byte');
    const length = item.uint16('Presentation Context sub-item length');
    if (itemType === ITEM_TYPE.transferSyntax) transferSyntaxUid ??= item.uid(length, 'Transfer-syntax-name');
    else item.skip(length, 'Presentation Context sub-item');
  }
  return { id, result, transferSyntaxUid: transferSyntaxUid ?? '' };
}

/**
 * Reads an A-ASSOCIATE-RQ's variable field (PS3.8 9.3.2). A missing Application Context Item leaves an empty name,
 * which negotiation refuses.
 * @throws PduError for fields cut short and for Presentation Contexts that cannot be told apart.
 */
export function decodeAssociateRq(body: Buffer): AAssociateRq {
  const fields = decodeAssociate(
    'A-ASSOCIATE-RQ',
    body,
    ITEM_TYPE.presentationContextRq,
    decodeProposedContext,
  );
  return { type: 'A-ASSOCIATE-RQ', ...fields };
}

/** Reads an A-ASSOCIATE-AC's variable field (PS3.8 9.3.3). @throws PduError as {@link decodeAssociateRq}. */
export function decodeAssociateAc(body: Buffer): AAssociateAc {
  const fields = decodeAssociate(
    'A-ASSOCIATE-AC',
    body,
    ITEM_TYPE.presentationContextAc,
    decodeContextAnswer,
  );
  return { type: 'A-ASSOCIATE-AC', ...fields };
}

/**
 * The variable field of an associate PDU, without the PDU header.
 * @throws RangeError for AE title fields that are not 16 characters, reserved that is not 32 bytes, and items beyond
 *   65,535 bytes.
 */
export function encodeAssociateBody(pdu: AAssociateRq | AAssociateAc): Buffer {
  const fixed = [
    uint16(pdu.protocolVersion),
    uint16(0),
    Buffer.from(pdu.calledAeTitleField, 'latin1'),
    Buffer.from(pdu.callingAeTitleField, 'latin1'),
    pdu.reserved,
  ];
  if (fixed[2]?.length !== AE_TITLE_FIELD_BYTES || fixed[3]?.length !== AE_TITLE_FIELD_BYTES) {
    throw new RangeError(`AE title fields are ${AE_TITLE_FIELD_BYTES} characters, padded with spaces`);
  }
  if (pdu.reserved.length !== RESERVED_FIELD_BYTES) {
    throw new RangeError(`bytes 43-74 are ${RESERVED_FIELD_BYTES} bytes, got ${pdu.reserved.length}`);
  }
  const contexts =
    pdu.type === 'A-ASSOCIATE-RQ'
      ? pdu.presentationContexts.map(encodeProposedContext)
      : pdu.presentationContexts.map(encodeContextAnswer);
  return Buffer.concat([
    ...fixed,
    encodeItem(ITEM_TYPE.applicationContext, Buffer.from(pdu.applicationContextName, 'latin1')),
    ...contexts,
    encodeUserInformation(pdu.userInformation),
  ]);
}

function encodeProposedContext(context: ProposedPresentationContext): Buffer {
  return encodeItem(
    ITEM_TYPE.presentationContextRq,
    uint8(context.id),
    Buffer.alloc(3),
    encodeItem(ITEM_TYPE.abstractSyntax, Buffer.from(context.abstractSyntaxUid, 'latin1')),
    ...context.transferSyntaxUids.map((uid) =>
      encodeItem(ITEM_TYPE.transferSyntax, Buffer.from(uid, 'latin1')),
    ),
  );
}

function encodeContextAnswer(answer: PresentationContextAnswer): Buffer {
  return encodeItem(
    ITEM_TYPE.presentationContextAc,
    uint8(answer.id),
    uint8(0),
    uint8(answer.result),
    uint8(0),
    encodeItem(ITEM_TYPE.transferSyntax, Buffer.from(answer.transferSyntaxUid, 'latin1')),
  );
}
