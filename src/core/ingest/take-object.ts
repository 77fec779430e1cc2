import { isStorageSopClass, sopClassName } from '../../dicom/sop-class.ts';
import { transferSyntax } from '../../dicom/transfer-syntax.ts';
import { checkDeflatedEnd } from '../../dicom/part10/inflate.ts';
import type { IngestOutcome, Intake } from '../ports/intake.ts';
import type { DeclaredInstance, InstanceOrigin } from '../study/instance.ts';
import { analyseDataSet } from './analyse-data-set.ts';
import { type ObjectOutcome, rejected } from './file-outcome.ts';
import type { FileKind } from './identify-file.ts';
import type { SourceReader } from './source-reader.ts';

export interface TakeObjectOptions {
  readonly intake: Intake;
  readonly origin: InstanceOrigin;
  /** At its start. */
  readonly reader: SourceReader;
  /** Store also what is cut off or damaged, as far as it has its UIDs: an operator said so. */
  readonly asIs?: boolean;
  /** Asked after the last byte was read and before anything is kept. */
  readonly isUnchanged: () => Promise<boolean>;
}

/**
 * Takes one object in from a file. A Part 10 file is stored byte for byte as found; where its File Meta Information is
 * missing or contradicts the Data Set, it is written anew if the Data Set leaves no doubt about it.
 * @throws SourceError where the bytes cannot be read.
 */
export async function takeObject(options: TakeObjectOptions): Promise<ObjectOutcome> {
  const { kind } = options.reader;
  if (kind.kind === 'part-10') return takePart10(options, kind);
  if (kind.kind === 'data-set') return takeAnalysed(options, kind.offset, undefined);
  return rejectKind(kind);
}

async function takePart10(
  options: TakeObjectOptions,
  file: Extract<FileKind, { kind: 'part-10' }>,
): Promise<ObjectOutcome> {
  const { meta, offset, fileMeta } = file;
  const { transferSyntaxUid, sopClassUid, sopInstanceUid } = meta;
  if (transferSyntaxUid === undefined || sopClassUid === undefined || sopInstanceUid === undefined)
    return takeAnalysed(options, offset, transferSyntaxUid);
  const isDeflated = transferSyntax(transferSyntaxUid)?.deflated === true;
  if (isDeflated && options.asIs !== true) {
    const end = await checkDeflatedEnd(options.reader.from(offset));
    if (end === 'cut-off') return rejected('truncated', 'The deflated Data Set is cut off.');
    if (end === 'corrupt') return rejected('damaged', 'The Data Set is no deflate stream.');
  }
  const declared = { transferSyntaxUid, sopClassUid, sopInstanceUid, fileMeta };
  const outcome = await receive(options, offset, declared);
  // Only what is whole is worth a second reading, to put its File Meta Information right.
  const isDoubtful =
    'code' in outcome &&
    outcome.kind === 'rejected' &&
    (outcome.code === 'damaged' || outcome.code === 'missing-uid') &&
    !isDeflated;
  return isDoubtful ? takeAnalysed(options, offset, transferSyntaxUid) : outcome;
}

async function takeAnalysed(
  options: TakeObjectOptions,
  offset: number,
  declaredSyntax: DeclaredInstance['transferSyntaxUid'] | undefined,
): Promise<ObjectOutcome> {
  const facts = await analyseDataSet(options.reader.from(offset), declaredSyntax);
  if (facts.kind === 'rejected') return facts;
  const { transferSyntaxUid, sopClassUid, sopInstanceUid } = facts;
  return receive(options, offset, { transferSyntaxUid, sopClassUid, sopInstanceUid });
}

async function receive(
  { intake, origin, reader, asIs, isUnchanged }: TakeObjectOptions,
  offset: number,
  declared: DeclaredInstance,
): Promise<ObjectOutcome> {
  const { sopClassUid } = declared;
  if (sopClassUid !== undefined && !isStorageSopClass(sopClassUid)) {
    return rejected('not-storable', `${sopClassName(sopClassUid) ?? sopClassUid} is no Storage SOP Class.`);
  }
  const reception = intake.begin(origin, { ...declared, ...(asIs !== true && { wholeOnly: true }) });
  let isOver = false;
  try {
    for await (const chunk of reader.from(offset)) await reception.write(chunk);
    if (!(await isUnchanged())) return { kind: 'changed' };
    isOver = true;
    return objectOutcomeOf(await reception.finish());
  } finally {
    if (!isOver) await reception.abort();
  }
}

function objectOutcomeOf(outcome: IngestOutcome): ObjectOutcome {
  if (outcome.kind !== 'refused') return outcome;
  const { code, message, integrity } = outcome;
  switch (code) {
    case 'out-of-resources':
    case 'processing-failure':
      return { kind: 'postponed', code, reason: message };
    case 'identity-mismatch':
      return rejected('damaged', 'File Meta Information and Data Set have different UIDs.');
    case 'cannot-understand':
      if (integrity === 'truncated') return rejected('truncated', message);
      return rejected(integrity === 'malformed' ? 'damaged' : 'missing-uid', message);
  }
}

/** Why a file that holds no object is not stored; archives are for the caller to open. */
function rejectKind(kind: Exclude<FileKind, { kind: 'part-10' | 'data-set' }>): ObjectOutcome {
  switch (kind.kind) {
    case 'empty':
      return rejected('empty', 'The file is empty.');
    case 'cut-off':
      return rejected('truncated', 'The file ends inside its File Meta Information.');
    case 'media-directory':
      return rejected('media-directory', 'A DICOMDIR lists other files and is not stored itself.');
    case 'zip':
    case 'gzip':
      return rejected('archive-too-large', 'An archive inside an archive inside an archive is not opened.');
    case 'unknown':
      return rejected(
        'not-dicom',
        kind.looksLike === undefined
          ? 'Neither File Meta Information nor a Data Set was found in it.'
          : `It looks like ${kind.looksLike}.`,
      );
  }
}
