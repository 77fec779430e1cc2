import { isStorageSopClass, sopClassName } from '../../dicom/sop-class.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { IngestOutcome, Intake } from '../ports/intake.ts';
import type { InstanceKey, InstanceOrigin } from '../study/instance.ts';
import { OTHER_STUDY } from './judge-data-set.ts';
import { SourceReader } from './source-reader.ts';

/** Why an uploaded object was not kept. */
export type UploadFailure =
  'out-of-resources' | 'processing-failure' | 'cannot-understand' | 'sop-class-not-supported' | 'other-study';

/** What became of one object of an upload. */
export type UploadOutcome =
  | {
      readonly kind: 'stored' | 'duplicate' | 'conflict';
      readonly key: InstanceKey;
      readonly sopClassUid: Uid;
    }
  | {
      readonly kind: 'failed';
      readonly failure: UploadFailure;
      /** For people, without patient data. */
      readonly reason: string;
      /** As File Meta Information has them. */
      readonly sopClassUid?: Uid;
      readonly sopInstanceUid?: Uid;
    };

export interface StoreUploadOptions {
  readonly intake: Intake;
  readonly origin: InstanceOrigin;
  /** A Part 10 file as it arrives; read once. */
  readonly body: AsyncIterable<Buffer>;
  /** The study that it must be of, if the request names one. */
  readonly studyInstanceUid?: Uid | undefined;
}

/**
 * Takes in one object of an upload, stored byte for byte as it came. The bytes pass by only once, so a file whose File
 * Meta Information is missing or wrong is refused, where the same file in a folder would be looked at again. Cut off or
 * damaged objects are refused as well: their sender still has them, and is told.
 * @throws what reading `body` throws; nothing is kept then.
 */
export async function storeUpload(options: StoreUploadOptions): Promise<UploadOutcome> {
  const { intake, origin, body, studyInstanceUid } = options;
  const reader = await SourceReader.open({ read: () => body });
  try {
    const { kind } = reader;
    if (kind.kind !== 'part-10')
      return failed('cannot-understand', 'It is no DICOM file: there is no File Meta Information.');
    const { meta, offset, fileMeta } = kind;
    const { transferSyntaxUid, sopClassUid, sopInstanceUid } = meta;
    const identity = {
      ...(sopClassUid !== undefined && { sopClassUid }),
      ...(sopInstanceUid !== undefined && { sopInstanceUid }),
    };
    if (transferSyntaxUid === undefined || sopClassUid === undefined || sopInstanceUid === undefined)
      return failed('cannot-understand', 'File Meta Information lacks one of its UIDs.', identity);
    if (!isStorageSopClass(sopClassUid)) {
      const name = sopClassName(sopClassUid) ?? sopClassUid;
      return failed('sop-class-not-supported', `${name} is no Storage SOP Class.`, identity);
    }
    const reception = intake.begin(origin, {
      transferSyntaxUid,
      sopClassUid,
      sopInstanceUid,
      fileMeta,
      wholeOnly: true,
      ...(studyInstanceUid !== undefined && { within: { studyInstanceUid } }),
    });
    let isOver = false;
    try {
      for await (const chunk of reader.from(offset)) await reception.write(chunk);
      isOver = true;
      return outcomeOf(await reception.finish(), { sopClassUid, sopInstanceUid });
    } finally {
      if (!isOver) await reception.abort();
    }
  } finally {
    await reader.close();
  }
}

function outcomeOf(
  outcome: IngestOutcome,
  identity: { readonly sopClassUid: Uid; readonly sopInstanceUid: Uid },
): UploadOutcome {
  if (outcome.kind !== 'refused') return { ...outcome, sopClassUid: identity.sopClassUid };
  const { code, message } = outcome;
  if (code !== 'identity-mismatch') return failed(code, message, identity);
  return message === OTHER_STUDY
    ? failed('other-study', 'It is not of the study that the request is for.', identity)
    : failed('cannot-understand', 'File Meta Information and Data Set have different UIDs.', identity);
}

function failed(
  failure: UploadFailure,
  reason: string,
  identity: { readonly sopClassUid?: Uid; readonly sopInstanceUid?: Uid } = {},
): UploadOutcome {
  return { kind: 'failed', failure, reason, ...identity };
}
