import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import { IMPLICIT_VR_LITTLE_ENDIAN_UID } from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import { chooseTransferSyntax } from './choose-transfer-syntax.ts';
import { DICOM_APPLICATION_CONTEXT_NAME, PRESENTATION_CONTEXT_RESULT } from './pdu/types.ts';
import type {
  AAssociateAc,
  AAssociateRj,
  AAssociateRq,
  AsynchronousOperationsWindow,
  PresentationContextAnswer,
  ProposedPresentationContext,
  RoleSelection,
  UserInformation,
} from './pdu/types.ts';
import { REJECTIONS, REJECTION_RESULT, REJECTION_SOURCE } from './rejection.ts';
import type { RejectionReason } from './rejection.ts';

/** What this acceptor offers to every requestor; whether a particular one may come in is `admit`'s matter. */
export interface NegotiationPolicy {
  acceptsAbstractSyntax(abstractSyntaxUid: Uid): boolean;
  acceptsTransferSyntax(transferSyntaxUid: Uid): boolean;
  /** Whether a requestor may be SCP of it: then it reports to us what we asked it for (PS3.7 D.3.3.4). Default: never. */
  acceptsScpRole?(abstractSyntaxUid: Uid): boolean;
  /** Announced as Maximum-length-received, bytes; 0 means no limit. */
  readonly maxPduLengthBytes: number;
  /** Most operations that a requestor may have outstanding, where it asks for more than one. */
  readonly maxOperationsPerformed: number;
  readonly implementationClassUid: Uid;
  readonly implementationVersionName: string;
}

export interface AssociationRequest {
  readonly calledAeTitle: AeTitle;
  readonly callingAeTitle: AeTitle;
}
export type Admission<Admitted> =
  | {
      readonly kind: 'admitted';
      readonly admitted: Admitted;
      /** Where this requestor may use less than the policy has. */
      readonly acceptsAbstractSyntax?: (abstractSyntaxUid: Uid) => boolean;
    }
  | { readonly kind: 'rejected'; readonly reason: RejectionReason };

export interface AcceptedPresentationContext {
  readonly id: number;
  readonly abstractSyntaxUid: Uid;
  readonly transferSyntaxUid: Uid;
}
export interface NegotiatedAssociation<Admitted> extends AssociationRequest {
  readonly kind: 'accepted';
  readonly pdu: AAssociateAc;
  readonly admitted: Admitted;
  readonly contexts: ReadonlyMap<number, AcceptedPresentationContext>;
  /** Longest P-DATA-TF variable field that the requestor takes, bytes; 0 means no limit. */
  readonly peerMaxPduLengthBytes: number;
  /** How many operations the requestor may have outstanding; 1 unless it asked for more. */
  readonly operationsWindow: number;
}
export interface RejectedAssociation {
  readonly kind: 'rejected';
  readonly pdu: AAssociateRj;
  readonly reason: RejectionReason;
}

/**
 * Decides over an A-ASSOCIATE-RQ (PS3.8 9.3.2 to 9.3.4, PS3.7 Annex D). An Association is accepted even where none of
 * its Presentation Contexts is: each has its own answer, which tells the requestor more than a rejection would.
 *
 * Checked in this order, so that a requestor that could never be served hears so rather than "try again": protocol
 * version, Application Context, AE titles and `admit`.
 */
export function negotiate<Admitted>(
  request: AAssociateRq,
  policy: NegotiationPolicy,
  admit: (request: AssociationRequest) => Admission<Admitted>,
): NegotiatedAssociation<Admitted> | RejectedAssociation {
  if ((request.protocolVersion & 1) === 0) return reject('protocol-version-not-supported');
  if (request.applicationContextName !== DICOM_APPLICATION_CONTEXT_NAME) {
    return reject('application-context-name-not-supported');
  }
  const calledAeTitle = parseAeTitle(request.calledAeTitleField);
  if (calledAeTitle === undefined) return reject('called-ae-title-not-recognized');
  const callingAeTitle = parseAeTitle(request.callingAeTitleField);
  if (callingAeTitle === undefined) return reject('calling-ae-title-not-recognized');
  const admission = admit({ calledAeTitle, callingAeTitle });
  if (admission.kind === 'rejected') return reject(admission.reason);

  const info = request.userInformation;
  const offeredRoles = new Map(info.roleSelections.map((role) => [role.sopClassUid, role]));
  const contexts = new Map<number, AcceptedPresentationContext>();
  const roleAnswers = new Map<string, RoleSelection>();
  const answers = request.presentationContexts.map((proposed) => {
    const role = offeredRoles.get(proposed.abstractSyntaxUid);
    const [answer, accepted] = answerContext(proposed, role, policy, admission.acceptsAbstractSyntax);
    if (accepted !== undefined) contexts.set(proposed.id, accepted);
    if (role !== undefined && accepted !== undefined) {
      const scpRole = role.scpRole && policy.acceptsScpRole?.(accepted.abstractSyntaxUid) === true;
      roleAnswers.set(role.sopClassUid, { sopClassUid: role.sopClassUid, scuRole: role.scuRole, scpRole });
    }
    return answer;
  });
  const window = answerWindow(info.asynchronousOperationsWindow, policy);
  return {
    kind: 'accepted',
    calledAeTitle,
    callingAeTitle,
    admitted: admission.admitted,
    contexts,
    peerMaxPduLengthBytes: info.maximumLengthReceived ?? 0,
    operationsWindow: window?.maximumNumberOperationsInvoked ?? 1,
    pdu: {
      type: 'A-ASSOCIATE-AC',
      protocolVersion: 1,
      calledAeTitleField: request.calledAeTitleField,
      callingAeTitleField: request.callingAeTitleField,
      reserved: request.reserved,
      applicationContextName: DICOM_APPLICATION_CONTEXT_NAME,
      presentationContexts: answers,
      userInformation: answerUserInformation(info, policy, [...roleAnswers.values()], window),
    },
  };
}

/** The A-ASSOCIATE-RJ for a reason. */
export function reject(reason: RejectionReason): RejectedAssociation {
  const rejection = REJECTIONS[reason];
  return {
    kind: 'rejected',
    reason,
    pdu: {
      type: 'A-ASSOCIATE-RJ',
      result: REJECTION_RESULT[rejection.result],
      source: REJECTION_SOURCE[rejection.source],
      reason: rejection.reason,
    },
  };
}

function answerContext(
  proposed: ProposedPresentationContext,
  role: RoleSelection | undefined,
  policy: NegotiationPolicy,
  mayUse: (abstractSyntaxUid: Uid) => boolean = () => true,
): [PresentationContextAnswer, AcceptedPresentationContext | undefined] {
  const refuse = (
    result: keyof typeof PRESENTATION_CONTEXT_RESULT,
  ): [PresentationContextAnswer, AcceptedPresentationContext | undefined] => [
    {
      id: proposed.id,
      result: PRESENTATION_CONTEXT_RESULT[result],
      // Not significant, but the sub-item has to be there (PS3.8 9.3.3.2).
      transferSyntaxUid: proposed.transferSyntaxUids[0] ?? IMPLICIT_VR_LITTLE_ENDIAN_UID,
    },
    undefined,
  ];
  const abstractSyntaxUid = parseUid(proposed.abstractSyntaxUid);
  if (
    abstractSyntaxUid === undefined ||
    !policy.acceptsAbstractSyntax(abstractSyntaxUid) ||
    !mayUse(abstractSyntaxUid)
  ) {
    return refuse('abstract-syntax-not-supported');
  }
  // A requestor that wants to be SCP only asks us to send on this Association, or has something to report.
  if (role !== undefined && !role.scuRole && policy.acceptsScpRole?.(abstractSyntaxUid) !== true)
    return refuse('user-rejection');
  const transferSyntaxUid = chooseTransferSyntax(proposed.transferSyntaxUids, (uid) =>
    policy.acceptsTransferSyntax(uid),
  );
  if (transferSyntaxUid === undefined) return refuse('transfer-syntaxes-not-supported');
  return [
    { id: proposed.id, result: PRESENTATION_CONTEXT_RESULT.acceptance, transferSyntaxUid },
    { id: proposed.id, abstractSyntaxUid, transferSyntaxUid },
  ];
}

/** PS3.7 D.3.3.3: answered only where asked, never above what was asked; 0 asks for no limit. */
function answerWindow(
  asked: AsynchronousOperationsWindow | undefined,
  policy: NegotiationPolicy,
): AsynchronousOperationsWindow | undefined {
  if (asked === undefined) return undefined;
  const invoked = asked.maximumNumberOperationsInvoked;
  return {
    maximumNumberOperationsInvoked: Math.min(
      invoked === 0 ? Infinity : invoked,
      policy.maxOperationsPerformed,
    ),
    maximumNumberOperationsPerformed: 1,
  };
}

function answerUserInformation(
  asked: UserInformation,
  policy: NegotiationPolicy,
  roleSelections: readonly RoleSelection[],
  window: AsynchronousOperationsWindow | undefined,
): UserInformation {
  return {
    maximumLengthReceived: policy.maxPduLengthBytes,
    implementationClassUid: policy.implementationClassUid,
    implementationVersionName: policy.implementationVersionName,
    ...(window !== undefined && { asynchronousOperationsWindow: window }),
    roleSelections,
    extendedNegotiations: [],
    commonExtendedNegotiations: [],
    ...(wantsUserIdentityAnswer(asked) && { userIdentityResponse: Buffer.alloc(0) }),
  };
}

/**
 * A user name, with or without passcode, is acknowledged where that is asked for: routes, not users, decide who may
 * come in. A Kerberos, SAML or JSON Web Token requestor expects proof back that we have verified it; no answer tells it
 * that we have not (PS3.7 D.3.3.7).
 */
function wantsUserIdentityAnswer(asked: UserInformation): boolean {
  const identity = asked.userIdentity;
  return (
    identity?.positiveResponseRequested === true &&
    (identity.userIdentityType === 1 || identity.userIdentityType === 2)
  );
}
