import type { SenderRefusal } from '../core/ports/refused-senders.ts';
import type { AAssociateRq } from './pdu/types.ts';
import type { RejectionReason } from './rejection.ts';
import type { CertificateSubject } from './tls.ts';

/** A sender may propose 128; what kind of device it is shows in the first few dozen. */
const MAX_CONTEXTS = 64;
const MAX_TRANSFER_SYNTAXES = 24;

const EXPLANATIONS: Readonly<Record<RejectionReason, string>> = {
  'no-reason-given': 'no route admits it from this address',
  'application-context-name-not-supported': 'it does not ask for the DICOM application context',
  'calling-ae-title-not-recognized': 'no route admits its calling AE title',
  'called-ae-title-not-recognized': 'no route has its called AE title',
  'protocol-version-not-supported': 'it does not speak version 1 of the DICOM upper layer protocol',
  'processing-failure': 'a fault of ours, see the log; it should try again',
  'temporary-congestion': 'the disk was short of space or the daemon was stopping; it should try again',
  'local-limit-exceeded':
    'too many Associations at the same time: dimse.maxAssociations or dimse.maxAssociationsPerPeer',
};

export interface RefusalCircumstances {
  readonly peerAddress: string;
  readonly subject: CertificateSubject | undefined;
  readonly reason: RejectionReason;
  /** Better than the one for the reason, where there is one. */
  readonly explanation: string | undefined;
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
}

/** What is worth remembering of an A-ASSOCIATE-RQ that was rejected. Its user identity is not. */
export function describeRefusal(
  { calledAeTitleField, callingAeTitleField, userInformation, presentationContexts }: AAssociateRq,
  { peerAddress, subject, reason, explanation, at }: RefusalCircumstances,
): SenderRefusal {
  const { implementationClassUid, implementationVersionName, maximumLengthReceived } = userInformation;
  return {
    callingAeTitle: printable(callingAeTitleField),
    calledAeTitle: printable(calledAeTitleField),
    peerAddress,
    reason,
    explanation: explanation ?? EXPLANATIONS[reason],
    at,
    proposal: {
      ...(implementationClassUid !== undefined && {
        implementationClassUid: printable(implementationClassUid),
      }),
      ...(implementationVersionName !== undefined && {
        implementationVersionName: printable(implementationVersionName),
      }),
      ...(maximumLengthReceived !== undefined && { maxPduLengthBytes: maximumLengthReceived }),
      ...(subject !== undefined && { certificateSubject: subjectText(subject) }),
      contexts: presentationContexts.slice(0, MAX_CONTEXTS).map((context) => ({
        abstractSyntaxUid: printable(context.abstractSyntaxUid),
        transferSyntaxUids: context.transferSyntaxUids.slice(0, MAX_TRANSFER_SYNTAXES).map(printable),
      })),
      contextsLeftOut: Math.max(0, presentationContexts.length - MAX_CONTEXTS),
    },
  };
}

/** `O=City Medical, CN=CT1` */
function subjectText(subject: CertificateSubject): string {
  return Object.entries(subject)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${[value].flat().join('+')}`)
    .join(', ')
    .slice(0, 200);
}

/** Titles come from anybody: what cannot be printed shows as a question mark, and nothing is longer than a UID. */
function printable(text: string): string {
  return text
    .slice(0, 64)
    .replace(/[^\x20-\x7e]/g, '?')
    .trim();
}
