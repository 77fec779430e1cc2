import type { ByteCursor } from './byte-cursor.ts';
import { encodeItem, lengthPrefixed, uint16, uint32, uint8 } from './encode-item.ts';
import { ITEM_TYPE } from './types.ts';
import type {
  AsynchronousOperationsWindow,
  RoleSelection,
  SopClassCommonExtendedNegotiation,
  SopClassExtendedNegotiation,
  UserIdentity,
  UserInformation,
} from './types.ts';

/**
 * Reads the sub-items of a User Information Item (PS3.8 9.3.2.3, PS3.7 D.3.3). Unknown ones are skipped, as PS3.8
 * 9.3.1 asks; of one that may stand only once, the first counts.
 * @throws PduError where a sub-item is shorter than its fields.
 */
export function decodeUserInformation(cursor: ByteCursor): UserInformation {
  let maximumLengthReceived: number | undefined;
  let implementationClassUid: string | undefined;
  let implementationVersionName: string | undefined;
  let asynchronousOperationsWindow: AsynchronousOperationsWindow | undefined;
  let userIdentity: UserIdentity | undefined;
  let userIdentityResponse: Buffer | undefined;
  const roleSelections: RoleSelection[] = [];
  const extendedNegotiations: SopClassExtendedNegotiation[] = [];
  const commonExtendedNegotiations: SopClassCommonExtendedNegotiation[] = [];

  while (cursor.remaining > 0) {
    const itemType = cursor.uint8('User Information sub-item type');
    cursor.skip(1, 'User Information sub-item reserved byte');
    const length = cursor.uint16('User Information sub-item length');
    const item = cursor.nested(length, 'User Information sub-item');
    switch (itemType) {
      case ITEM_TYPE.maximumLength:
        maximumLengthReceived ??= item.uint32('Maximum-length-received');
        break;
      case ITEM_TYPE.implementationClassUid:
        implementationClassUid ??= item.uid(length, 'Implementation-class-uid');
        break;
      case ITEM_TYPE.implementationVersionName:
        implementationVersionName ??= item.uid(length, 'Implementation-version-name');
        break;
      case ITEM_TYPE.asynchronousOperationsWindow:
        asynchronousOperationsWindow ??= {
          maximumNumberOperationsInvoked: item.uint16('Maximum-number-operations-invoked'),
          maximumNumberOperationsPerformed: item.uint16('Maximum-number-operations-performed'),
        };
        break;
      case ITEM_TYPE.roleSelection:
        roleSelections.push(decodeRoleSelection(item));
        break;
      case ITEM_TYPE.sopClassExtendedNegotiation:
        extendedNegotiations.push(decodeExtendedNegotiation(item));
        break;
      case ITEM_TYPE.sopClassCommonExtendedNegotiation:
        commonExtendedNegotiations.push(decodeCommonExtendedNegotiation(item));
        break;
      case ITEM_TYPE.userIdentityRq:
        userIdentity ??= decodeUserIdentity(item);
        break;
      case ITEM_TYPE.userIdentityAc:
        userIdentityResponse ??= readLengthPrefixed(item, 'Server-response');
        break;
      default:
        break;
    }
  }
  return {
    ...(maximumLengthReceived !== undefined && { maximumLengthReceived }),
    ...(implementationClassUid !== undefined && { implementationClassUid }),
    ...(implementationVersionName !== undefined && { implementationVersionName }),
    ...(asynchronousOperationsWindow !== undefined && { asynchronousOperationsWindow }),
    roleSelections,
    extendedNegotiations,
    commonExtendedNegotiations,
    ...(userIdentity !== undefined && { userIdentity }),
    ...(userIdentityResponse !== undefined && { userIdentityResponse }),
  };
}

function readLengthPrefixed(item: ByteCursor, field: string): Buffer {
  // Copied, since these few bytes live as long as the Association and would keep the whole read alive.
  return Buffer.from(item.bytes(item.uint16(`${field} length`), field));
}

/** PS3.7 D.3.3.4. */
function decodeRoleSelection(item: ByteCursor): RoleSelection {
  const sopClassUid = item.uid(item.uint16('Role Selection UID-length'), 'Role Selection SOP-class-uid');
  return {
    sopClassUid,
    scuRole: item.uint8('SCU-role') === 1,
    scpRole: item.uint8('SCP-role') === 1,
  };
}

/** PS3.7 D.3.3.5. */
function decodeExtendedNegotiation(item: ByteCursor): SopClassExtendedNegotiation {
  const sopClassUid = item.uid(
    item.uint16('Extended Negotiation SOP-class-uid-length'),
    'Extended Negotiation SOP-class-uid',
  );
  const serviceClassApplicationInformation = Buffer.from(
    item.bytes(item.remaining, 'Service-class-application-information'),
  );
  return { sopClassUid, serviceClassApplicationInformation };
}

/** PS3.7 D.3.3.6. */
function decodeCommonExtendedNegotiation(item: ByteCursor): SopClassCommonExtendedNegotiation {
  const name = 'Common Extended Negotiation';
  const sopClassUid = item.uid(item.uint16(`${name} SOP-class-uid-length`), `${name} SOP-class-uid`);
  const serviceClassUid = item.uid(
    item.uint16(`${name} Service-class-uid-length`),
    `${name} Service-class-uid`,
  );
  const relatedGeneralSopClassUids: string[] = [];
  const related = item.nested(
    item.uint16('Related-general-sop-class-identification-length'),
    'Related-general-sop-class-identification',
  );
  while (related.remaining > 0) {
    relatedGeneralSopClassUids.push(
      related.uid(related.uint16('Related-general-sop-class-uid-length'), 'Related-general-sop-class-uid'),
    );
  }
  return { sopClassUid, serviceClassUid, relatedGeneralSopClassUids };
}

/** PS3.7 D.3.3.7. */
function decodeUserIdentity(item: ByteCursor): UserIdentity {
  return {
    userIdentityType: item.uint8('User-Identity-Type'),
    positiveResponseRequested: item.uint8('Positive-response-requested') === 1,
    primaryField: readLengthPrefixed(item, 'Primary-field'),
    secondaryField: readLengthPrefixed(item, 'Secondary-field'),
  };
}

/** The inverse of {@link decodeUserInformation}: the whole item, its header included. */
export function encodeUserInformation(info: UserInformation): Buffer {
  const subItems: Buffer[] = [];
  if (info.maximumLengthReceived !== undefined) {
    subItems.push(encodeItem(ITEM_TYPE.maximumLength, uint32(info.maximumLengthReceived)));
  }
  if (info.implementationClassUid !== undefined) {
    subItems.push(
      encodeItem(ITEM_TYPE.implementationClassUid, Buffer.from(info.implementationClassUid, 'latin1')),
    );
  }
  if (info.asynchronousOperationsWindow !== undefined) {
    const window = info.asynchronousOperationsWindow;
    subItems.push(
      encodeItem(
        ITEM_TYPE.asynchronousOperationsWindow,
        uint16(window.maximumNumberOperationsInvoked),
        uint16(window.maximumNumberOperationsPerformed),
      ),
    );
  }
  for (const role of info.roleSelections) {
    subItems.push(
      encodeItem(
        ITEM_TYPE.roleSelection,
        lengthPrefixed(role.sopClassUid),
        uint8(role.scuRole ? 1 : 0),
        uint8(role.scpRole ? 1 : 0),
      ),
    );
  }
  if (info.implementationVersionName !== undefined) {
    subItems.push(
      encodeItem(ITEM_TYPE.implementationVersionName, Buffer.from(info.implementationVersionName, 'latin1')),
    );
  }
  for (const { sopClassUid, serviceClassApplicationInformation } of info.extendedNegotiations) {
    subItems.push(
      encodeItem(
        ITEM_TYPE.sopClassExtendedNegotiation,
        lengthPrefixed(sopClassUid),
        serviceClassApplicationInformation,
      ),
    );
  }
  for (const common of info.commonExtendedNegotiations) {
    subItems.push(
      encodeItem(
        ITEM_TYPE.sopClassCommonExtendedNegotiation,
        lengthPrefixed(common.sopClassUid),
        lengthPrefixed(common.serviceClassUid),
        lengthPrefixed(Buffer.concat(common.relatedGeneralSopClassUids.map(lengthPrefixed))),
      ),
    );
  }
  if (info.userIdentity !== undefined) {
    const identity = info.userIdentity;
    subItems.push(
      encodeItem(
        ITEM_TYPE.userIdentityRq,
        uint8(identity.userIdentityType),
        uint8(identity.positiveResponseRequested ? 1 : 0),
        lengthPrefixed(identity.primaryField),
        lengthPrefixed(identity.secondaryField),
      ),
    );
  }
  if (info.userIdentityResponse !== undefined) {
    subItems.push(encodeItem(ITEM_TYPE.userIdentityAc, lengthPrefixed(info.userIdentityResponse)));
  }
  return encodeItem(ITEM_TYPE.userInformation, ...subItems);
}
