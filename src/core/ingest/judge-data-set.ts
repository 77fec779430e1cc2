import type { DataSetScan } from '../../dicom/part10/data-set-scan.ts';
import { hasPixelsElsewhere } from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { InstanceRefused, RefusalCode } from '../ports/intake.ts';
import { describeInstance, extractIdentity, type InstanceIdentity } from '../study/extract-header.ts';
import type { InstanceHeader } from '../study/header.ts';
import type { CustomerKey, DeclaredInstance, InstanceKey } from '../study/instance.ts';

/** The message of a refusal for {@link DeclaredInstance.within}'s study. */
export const OTHER_STUDY = 'Data Set is of another study';
/** Longest (0000,0902) Error Comment, VR LO. */
const MAX_MESSAGE_LENGTH = 64;

export interface AcceptableDataSet {
  readonly kind: 'acceptable';
  readonly key: InstanceKey;
  /** What else the index is to know; takes a while. */
  readonly describe: () => InstanceHeader;
}

/** Decides from its scan whether a Data Set may be kept as what it was declared to be. */
export function judgeDataSet(
  customer: CustomerKey,
  declared: DeclaredInstance,
  scan: DataSetScan,
): AcceptableDataSet | InstanceRefused {
  const isWholeOnly = declared.wholeOnly === true;
  if (isWholeOnly && scan.integrity !== 'complete') return notWhole(scan.integrity, scan.reason);
  const extracted = extractIdentity(scan);
  if (!extracted.ok) {
    // What is malformed lacks attributes because it could not be read: that is the reason to mend.
    const reason = scan.integrity === 'malformed' ? (scan.reason ?? extracted.reason) : extracted.reason;
    return refused('cannot-understand', reason);
  }
  const { identity } = extracted;
  const describe = () => describeInstance(identity, scan);
  if (isWholeOnly && announcesMissingImage(describe(), declared.transferSyntaxUid))
    return notWhole('truncated', 'The header announces an image, but there is no Pixel Data.');
  const mismatch = identityMismatch(identity, declared);
  if (mismatch !== undefined) return refused('identity-mismatch', mismatch);
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
  return {
    kind: 'acceptable',
    key: { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid },
    describe,
  };
}

export function refused(code: RefusalCode, message: string): InstanceRefused {
  return { kind: 'refused', code, message: message.slice(0, MAX_MESSAGE_LENGTH) };
}

function notWhole(integrity: 'truncated' | 'malformed', reason = ''): InstanceRefused {
  return { ...refused('cannot-understand', reason), integrity };
}

/** A Data Set that ends with its header looks whole, but is what a copy leaves that stopped before Pixel Data. */
function announcesMissingImage({ image }: InstanceHeader, transferSyntaxUid: Uid): boolean {
  const isImage = image.rows !== undefined && image.columns !== undefined;
  return isImage && image.pixelData === undefined && !hasPixelsElsewhere(transferSyntaxUid);
}

function identityMismatch(identity: InstanceIdentity, declared: DeclaredInstance): string | undefined {
  if (declared.sopInstanceUid !== undefined && declared.sopInstanceUid !== identity.sopInstanceUid) {
    return 'Affected SOP Instance UID differs from the Data Set';
  }
  if (declared.sopClassUid !== undefined && declared.sopClassUid !== identity.sopClassUid) {
    return 'Affected SOP Class UID differs from the Data Set';
  }
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = declared.within ?? {};
  if (studyInstanceUid !== undefined && studyInstanceUid !== identity.studyInstanceUid) {
    return OTHER_STUDY;
  }
  if (seriesInstanceUid !== undefined && seriesInstanceUid !== identity.seriesInstanceUid) {
    return 'Data Set is of another series';
  }
  if (sopInstanceUid !== undefined && sopInstanceUid !== identity.sopInstanceUid) {
    return 'Data Set is of another SOP Instance';
  }
  return undefined;
}
