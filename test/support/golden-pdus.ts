import type { AAssociateAc, AAssociateRq, Pdu } from '../../src/dimse/pdu/types.ts';
import { bytesOf } from './captioned-bytes.ts';

/** One PDU as bytes laid out by hand from PS3.8 9.3, and what it means. */
export interface GoldenPdu {
  readonly name: string;
  readonly bytes: Buffer;
  readonly pdu: Pdu;
}

const ASSOCIATE_RQ: AAssociateRq = {
  type: 'A-ASSOCIATE-RQ',
  protocolVersion: 1,
  calledAeTitleField: 'CITYMED         ',
  callingAeTitleField: 'CT1             ',
  reserved: Buffer.alloc(32),
  applicationContextName: '1.2.840.10008.3.1.1.1',
  presentationContexts: [
    { id: 1, abstractSyntaxUid: '1.2.840.10008.1.1', transferSyntaxUids: ['1.2.840.10008.1.2'] },
    {
      id: 255,
      abstractSyntaxUid: '1.2.840.10008.5.1.4.1.1.2',
      transferSyntaxUids: ['1.2.840.10008.1.2.1', '1.2.840.10008.1.2'],
    },
  ],
  userInformation: {
    maximumLengthReceived: 16384,
    implementationClassUid: '1.2.3',
    implementationVersionName: 'CTSW',
    asynchronousOperationsWindow: { maximumNumberOperationsInvoked: 5, maximumNumberOperationsPerformed: 1 },
    roleSelections: [{ sopClassUid: '1.2.840.10008.5.1.4.1.1.2', scuRole: true, scpRole: false }],
    extendedNegotiations: [
      {
        sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
        serviceClassApplicationInformation: Buffer.from('020003000000', 'hex'),
      },
    ],
    commonExtendedNegotiations: [
      { sopClassUid: '1.2.9', serviceClassUid: '1.2.840.10008.4.2', relatedGeneralSopClassUids: ['1.2.7'] },
    ],
    userIdentity: {
      userIdentityType: 2,
      positiveResponseRequested: true,
      primaryField: Buffer.from('ann'),
      secondaryField: Buffer.from('pw'),
    },
  },
};

const ASSOCIATE_AC: AAssociateAc = {
  type: 'A-ASSOCIATE-AC',
  protocolVersion: 1,
  calledAeTitleField: 'CITYMED         ',
  callingAeTitleField: 'CT1             ',
  reserved: Buffer.alloc(32, 0x5a),
  applicationContextName: '1.2.840.10008.3.1.1.1',
  presentationContexts: [
    { id: 1, result: 0, transferSyntaxUid: '1.2.840.10008.1.2' },
    { id: 3, result: 3, transferSyntaxUid: '1.2.840.10008.1.2' },
  ],
  userInformation: {
    maximumLengthReceived: 131072,
    roleSelections: [],
    extendedNegotiations: [],
    commonExtendedNegotiations: [],
    userIdentityResponse: Buffer.alloc(0),
  },
};

export const GOLDEN_PDUS: readonly GoldenPdu[] = [
  {
    name: 'A-ASSOCIATE-RQ with every sub-item',
    pdu: ASSOCIATE_RQ,
    bytes: bytesOf([
      ['01 00', 'PDU-type A-ASSOCIATE-RQ, reserved'],
      ['00 00 01 81', 'PDU-length 385'],
      ['00 01', 'Protocol-version 1'],
      ['00 00', 'reserved'],
      ['"CITYMED"*16', 'Called-AE-title'],
      ['"CT1"*16', 'Calling-AE-title'],
      ['00*32', 'reserved'],
      ['10 00 00 15', 'Application Context Item, 21 bytes'],
      ['"1.2.840.10008.3.1.1.1"', 'Application-context-name'],
      ['20 00 00 2e', 'Presentation Context Item, 46 bytes'],
      ['01 00 00 00', 'Presentation-context-ID 1, reserved'],
      ['30 00 00 11', 'Abstract Syntax, 17 bytes'],
      ['"1.2.840.10008.1.1"', 'Verification'],
      ['40 00 00 11', 'Transfer Syntax, 17 bytes'],
      ['"1.2.840.10008.1.2"', 'Implicit VR Little Endian'],
      ['20 00 00 4d', 'Presentation Context Item, 77 bytes'],
      ['ff 00 00 00', 'Presentation-context-ID 255, reserved'],
      ['30 00 00 19', 'Abstract Syntax, 25 bytes'],
      ['"1.2.840.10008.5.1.4.1.1.2"', 'CT Image Storage'],
      ['40 00 00 13', 'Transfer Syntax, 19 bytes'],
      ['"1.2.840.10008.1.2.1"', 'Explicit VR Little Endian'],
      ['40 00 00 11', 'Transfer Syntax, 17 bytes'],
      ['"1.2.840.10008.1.2"', 'Implicit VR Little Endian'],
      ['50 00 00 9d', 'User Information Item, 157 bytes'],
      ['51 00 00 04 00 00 40 00', 'Maximum-length-received 16384'],
      ['52 00 00 05', 'Implementation Class UID, 5 bytes'],
      ['"1.2.3"', 'Implementation-class-uid'],
      ['53 00 00 04 00 05 00 01', 'Asynchronous Operations Window: invoked 5, performed 1'],
      ['54 00 00 1d 00 19', 'SCP/SCU Role Selection, 29 bytes; UID of 25'],
      ['"1.2.840.10008.5.1.4.1.1.2"', 'SOP-class-uid'],
      ['01 00', 'SCU-role offered, SCP-role not'],
      ['55 00 00 04', 'Implementation Version Name, 4 bytes'],
      ['"CTSW"', 'Implementation-version-name'],
      ['56 00 00 21 00 19', 'SOP Class Extended Negotiation, 33 bytes; UID of 25'],
      ['"1.2.840.10008.5.1.4.1.1.2"', 'SOP-class-uid'],
      ['02 00 03 00 00 00', 'Service-class-application-information'],
      ['57 00 00 23 00 05', 'SOP Class Common Extended Negotiation, 35 bytes; UID of 5'],
      ['"1.2.9"', 'SOP-class-uid'],
      ['00 11', 'Service-class-uid of 17'],
      ['"1.2.840.10008.4.2"', 'Storage Service Class'],
      ['00 07 00 05', 'related classes, 7 bytes; UID of 5'],
      ['"1.2.7"', 'Related-general-sop-class-uid'],
      ['58 00 00 0b', 'User Identity, 11 bytes'],
      ['02 01', 'user name and passcode, positive response requested'],
      ['00 03', 'Primary-field of 3'],
      ['"ann"', 'user name'],
      ['00 02', 'Secondary-field of 2'],
      ['"pw"', 'passcode'],
    ]),
  },
  {
    name: 'A-ASSOCIATE-AC',
    pdu: ASSOCIATE_AC,
    bytes: bytesOf([
      ['02 00', 'PDU-type A-ASSOCIATE-AC, reserved'],
      ['00 00 00 a9', 'PDU-length 169'],
      ['00 01 00 00', 'Protocol-version 1, reserved'],
      ['"CITYMED"*16', 'reserved: Called-AE-title of the request'],
      ['"CT1"*16', 'reserved: Calling-AE-title of the request'],
      ['5a*32', 'reserved: as in the request'],
      ['10 00 00 15', 'Application Context Item, 21 bytes'],
      ['"1.2.840.10008.3.1.1.1"', 'Application-context-name'],
      ['21 00 00 19', 'Presentation Context Item, 25 bytes'],
      ['01 00 00 00', 'Presentation-context-ID 1, reserved, acceptance, reserved'],
      ['40 00 00 11', 'Transfer Syntax, 17 bytes'],
      ['"1.2.840.10008.1.2"', 'Implicit VR Little Endian'],
      ['21 00 00 19', 'Presentation Context Item, 25 bytes'],
      ['03 00 03 00', 'Presentation-context-ID 3, reserved, abstract-syntax-not-supported, reserved'],
      ['40 00 00 11', 'Transfer Syntax, 17 bytes'],
      ['"1.2.840.10008.1.2"', 'not significant'],
      ['50 00 00 0e', 'User Information Item, 14 bytes'],
      ['51 00 00 04 00 02 00 00', 'Maximum-length-received 131072'],
      ['59 00 00 02 00 00', 'User Identity answer, empty server response'],
    ]),
  },
  {
    name: 'A-ASSOCIATE-RJ',
    pdu: { type: 'A-ASSOCIATE-RJ', result: 1, source: 1, reason: 7 },
    bytes: bytesOf([
      ['03 00 00 00 00 04', 'PDU-type A-ASSOCIATE-RJ, reserved, PDU-length 4'],
      ['00 01 01 07', 'reserved, rejected-permanent, service-user, called-AE-title-not-recognized'],
    ]),
  },
  {
    name: 'P-DATA-TF with two PDVs',
    pdu: {
      type: 'P-DATA-TF',
      presentationDataValues: [
        {
          presentationContextId: 1,
          isCommand: true,
          isLastFragment: true,
          fragment: Buffer.from('c0c1', 'hex'),
        },
        {
          presentationContextId: 1,
          isCommand: false,
          isLastFragment: false,
          fragment: Buffer.from('d0d1d2d3', 'hex'),
        },
      ],
    },
    bytes: bytesOf([
      ['04 00 00 00 00 12', 'PDU-type P-DATA-TF, reserved, PDU-length 18'],
      ['00 00 00 04 01 03', 'Item-length 4, Presentation-context-ID 1, last command fragment'],
      ['c0 c1', 'fragment'],
      ['00 00 00 06 01 00', 'Item-length 6, Presentation-context-ID 1, Data Set fragment, more to come'],
      ['d0 d1 d2 d3', 'fragment'],
    ]),
  },
  {
    name: 'A-RELEASE-RQ',
    pdu: { type: 'A-RELEASE-RQ' },
    bytes: bytesOf([['05 00 00 00 00 04 00 00 00 00', 'PDU-type A-RELEASE-RQ, PDU-length 4, reserved']]),
  },
  {
    name: 'A-RELEASE-RP',
    pdu: { type: 'A-RELEASE-RP' },
    bytes: bytesOf([['06 00 00 00 00 04 00 00 00 00', 'PDU-type A-RELEASE-RP, PDU-length 4, reserved']]),
  },
  {
    name: 'A-ABORT',
    pdu: { type: 'A-ABORT', source: 2, reason: 6 },
    bytes: bytesOf([
      ['07 00 00 00 00 04', 'PDU-type A-ABORT, PDU-length 4'],
      ['00 00 02 06', 'reserved, service-provider, invalid-PDU-parameter-value'],
    ]),
  },
];
