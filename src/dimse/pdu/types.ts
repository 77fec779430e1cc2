/** The PDUs of PS3.8 9.3 as values. Numbers that the standard names keep their number here; names are beside them. */

/** First byte of each PDU, PS3.8 9.3.1. */
export const PDU_TYPE = {
  'A-ASSOCIATE-RQ': 0x01,
  'A-ASSOCIATE-AC': 0x02,
  'A-ASSOCIATE-RJ': 0x03,
  'P-DATA-TF': 0x04,
  'A-RELEASE-RQ': 0x05,
  'A-RELEASE-RP': 0x06,
  'A-ABORT': 0x07,
} as const;
export type PduName = keyof typeof PDU_TYPE;

/** PDU-type, a reserved byte and the PDU-length. */
export const PDU_HEADER_BYTES = 6;
/** Item-length, Presentation-context-ID and message control header of a PDV, PS3.8 9.3.5.1 and E.2. */
export const PDV_HEADER_BYTES = 6;

/** Item types of the associate PDUs, PS3.8 9.3.2, 9.3.3 and PS3.7 D.3.3. */
export const ITEM_TYPE = {
  applicationContext: 0x10,
  presentationContextRq: 0x20,
  presentationContextAc: 0x21,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  maximumLength: 0x51,
  implementationClassUid: 0x52,
  asynchronousOperationsWindow: 0x53,
  roleSelection: 0x54,
  implementationVersionName: 0x55,
  sopClassExtendedNegotiation: 0x56,
  sopClassCommonExtendedNegotiation: 0x57,
  userIdentityRq: 0x58,
  userIdentityAc: 0x59,
} as const;

/** PS3.7 A.2.1. */
export const DICOM_APPLICATION_CONTEXT_NAME = '1.2.840.10008.3.1.1.1';

/** How an acceptor answers one Presentation Context, PS3.8 Table 9-18. */
export const PRESENTATION_CONTEXT_RESULT = {
  acceptance: 0,
  'user-rejection': 1,
  'no-reason': 2,
  'abstract-syntax-not-supported': 3,
  'transfer-syntaxes-not-supported': 4,
} as const;

export interface AsynchronousOperationsWindow {
  /** 0 means unlimited. */
  readonly maximumNumberOperationsInvoked: number;
  /** 0 means unlimited. */
  readonly maximumNumberOperationsPerformed: number;
}
export interface RoleSelection {
  readonly sopClassUid: string;
  /** In the request: the requestor offers the SCU role; in the answer: the acceptor agrees. */
  readonly scuRole: boolean;
  readonly scpRole: boolean;
}
export interface SopClassExtendedNegotiation {
  readonly sopClassUid: string;
  readonly serviceClassApplicationInformation: Buffer;
}
export interface SopClassCommonExtendedNegotiation {
  readonly sopClassUid: string;
  readonly serviceClassUid: string;
  readonly relatedGeneralSopClassUids: readonly string[];
}
export interface UserIdentity {
  /** 1 user name, 2 user name and passcode, 3 Kerberos, 4 SAML, 5 JSON Web Token; PS3.7 D.3.3.7.1. */
  readonly userIdentityType: number;
  readonly positiveResponseRequested: boolean;
  /** A secret: never log it. */
  readonly primaryField: Buffer;
  /** A secret: never log it. */
  readonly secondaryField: Buffer;
}

/** User Information Item, PS3.7 D.3.3. Sub-items that this list does not name are skipped when read. */
export interface UserInformation {
  /** Longest P-DATA-TF variable field in bytes that the sender of this item takes; 0 means no limit. */
  readonly maximumLengthReceived?: number;
  readonly implementationClassUid?: string;
  readonly implementationVersionName?: string;
  readonly asynchronousOperationsWindow?: AsynchronousOperationsWindow;
  readonly roleSelections: readonly RoleSelection[];
  readonly extendedNegotiations: readonly SopClassExtendedNegotiation[];
  readonly commonExtendedNegotiations: readonly SopClassCommonExtendedNegotiation[];
  /** A-ASSOCIATE-RQ only. */
  readonly userIdentity?: UserIdentity;
  /** A-ASSOCIATE-AC only: the server response. */
  readonly userIdentityResponse?: Buffer;
}

export interface ProposedPresentationContext {
  /** Odd, 1 to 255, unique in its PDU. */
  readonly id: number;
  readonly abstractSyntaxUid: string;
  readonly transferSyntaxUids: readonly string[];
}
export interface PresentationContextAnswer {
  readonly id: number;
  /** One of {@link PRESENTATION_CONTEXT_RESULT}. */
  readonly result: number;
  /** Not significant unless accepted. */
  readonly transferSyntaxUid: string;
}

/** What both associate PDUs begin with. */
interface AssociateFields {
  /** Bit 0 stands for version 1. */
  readonly protocolVersion: number;
  /** As on the wire: 16 characters, padded. */
  readonly calledAeTitleField: string;
  /** As on the wire: 16 characters, padded. */
  readonly callingAeTitleField: string;
  /** The 32 bytes that an A-ASSOCIATE-AC sends back as received. */
  readonly reserved: Buffer;
  readonly applicationContextName: string;
  readonly userInformation: UserInformation;
}
export interface AAssociateRq extends AssociateFields {
  readonly type: 'A-ASSOCIATE-RQ';
  readonly presentationContexts: readonly ProposedPresentationContext[];
}
export interface AAssociateAc extends AssociateFields {
  readonly type: 'A-ASSOCIATE-AC';
  readonly presentationContexts: readonly PresentationContextAnswer[];
}
export interface AAssociateRj {
  readonly type: 'A-ASSOCIATE-RJ';
  readonly result: number;
  readonly source: number;
  readonly reason: number;
}
export interface PresentationDataValue {
  readonly presentationContextId: number;
  readonly isCommand: boolean;
  readonly isLastFragment: boolean;
  readonly fragment: Buffer;
}
export interface PDataTf {
  readonly type: 'P-DATA-TF';
  readonly presentationDataValues: readonly PresentationDataValue[];
}
export interface AReleaseRq {
  readonly type: 'A-RELEASE-RQ';
}
export interface AReleaseRp {
  readonly type: 'A-RELEASE-RP';
}
export interface AAbort {
  readonly type: 'A-ABORT';
  readonly source: number;
  readonly reason: number;
}
export type Pdu = AAssociateRq | AAssociateAc | AAssociateRj | PDataTf | AReleaseRq | AReleaseRp | AAbort;
/** Every PDU but P-DATA-TF, which is never held as a whole. */
export type ControlPdu = Exclude<Pdu, PDataTf>;

/** PS3.8 Table 9-26. */
export const ABORT_SOURCE = { 'service-user': 0, 'service-provider': 2 } as const;
/** PS3.8 Table 9-26; significant only where the source is the service-provider. */
export const ABORT_REASON = {
  'reason-not-specified': 0,
  'unrecognized-PDU': 1,
  'unexpected-PDU': 2,
  'unrecognized-PDU-parameter': 4,
  'unexpected-PDU-parameter': 5,
  'invalid-PDU-parameter-value': 6,
} as const;
export type AbortReason = keyof typeof ABORT_REASON;

/** Bytes that are not a PDU we could go on from (Evt19); `reason` is what the A-ABORT tells the peer. */
export class PduError extends Error {
  override readonly name = 'PduError';
  readonly reason: AbortReason;
  /** @param message names the field and the values, never patient data or secrets. */
  constructor(reason: AbortReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
