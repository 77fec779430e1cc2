import type { DataSetScan } from '../../dicom/part10/data-set-scan.ts';
import { createDataSetScanner } from '../../dicom/part10/data-set-scanner.ts';
import {
  EXPLICIT_VR_BIG_ENDIAN_UID,
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  transferSyntax,
  type TransferSyntax,
} from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import { extractHeader, HEADER_TAGS } from '../study/extract-header.ts';
import { rejected, type Rejection } from './file-outcome.ts';

/** What File Meta Information must say of a Data Set. */
export interface DataSetFacts {
  readonly kind: 'certain';
  readonly transferSyntaxUid: Uid;
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
}

/** The encodings that a Data Set shows by itself; the encapsulated ones share Explicit VR Little Endian's. */
const NATIVE_UIDS: readonly Uid[] = [
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  EXPLICIT_VR_BIG_ENDIAN_UID,
];

interface Finding {
  readonly syntax: TransferSyntax;
  readonly scan: DataSetScan;
  readonly facts: DataSetFacts | undefined;
  readonly missing: string | undefined;
}

/**
 * Reads a Data Set to its end in every encoding that it could have, all in one pass, to find out what its File Meta
 * Information should have said.
 * @param declared the Transfer Syntax that its file states, if any; believed where the bytes agree with it.
 * @returns the facts where one encoding alone fits from the first byte to the last and the UIDs are there.
 */
export async function analyseDataSet(
  bytes: AsyncIterable<Buffer>,
  declared: Uid | undefined,
): Promise<DataSetFacts | Rejection> {
  const stated = declared === undefined ? undefined : transferSyntax(declared);
  const syntaxes = [stated, ...NATIVE_UIDS.map(transferSyntax)].filter(
    (syntax, index, all) =>
      syntax !== undefined &&
      !syntax.deflated &&
      all.findIndex((other) => other?.uid === syntax.uid) === index,
  ) as TransferSyntax[];
  const candidates = syntaxes.map((syntax) => ({
    syntax,
    scanner: createDataSetScanner({ transferSyntax: syntax, wanted: HEADER_TAGS }),
  }));
  for await (const chunk of bytes) for (const { scanner } of candidates) scanner.write(chunk);
  return decide(
    candidates.map(({ syntax, scanner }) => findingOf(syntax, scanner.end())),
    stated?.uid,
  );
}

function findingOf(syntax: TransferSyntax, scan: DataSetScan): Finding {
  const extracted = extractHeader(scan);
  if (!extracted.ok) return { syntax, scan, facts: undefined, missing: extracted.reason };
  const { sopClassUid, sopInstanceUid } = extracted.header;
  const facts = { kind: 'certain', transferSyntaxUid: syntax.uid, sopClassUid, sopInstanceUid } as const;
  return { syntax, scan, facts, missing: undefined };
}

function decide(findings: readonly Finding[], declared: Uid | undefined): DataSetFacts | Rejection {
  const whole = findings.filter(({ scan }) => scan.integrity === 'complete');
  const asDeclared = findings.find(({ syntax }) => syntax.uid === declared);
  if (asDeclared?.scan.integrity === 'complete') {
    return asDeclared.facts ?? rejected('missing-uid', asDeclared.missing ?? '');
  }
  const fitting = whole.filter(({ facts }) => facts !== undefined);
  const [only] = fitting;
  if (only?.facts !== undefined && fitting.length === 1) {
    if (!only.scan.isPixelDataEncapsulated) return only.facts;
    return rejected(
      'transfer-syntax-unknown',
      declared === undefined
        ? 'The pixels are compressed, and nothing in the file says in which Transfer Syntax.'
        : 'The Data Set is not in the Transfer Syntax that the file states, and its pixels are compressed.',
    );
  }
  if (fitting.length > 1)
    return rejected('transfer-syntax-unknown', 'The Data Set can be read in more than one Transfer Syntax.');
  return explain(asDeclared ?? mostPlausible(findings));
}

/** The reading that got furthest: what is in another encoding fails at its first element. */
function mostPlausible(findings: readonly Finding[]): Finding | undefined {
  const rank = ({ scan, missing }: Finding): number => {
    if (scan.integrity === 'malformed') return scan.elements.size > 0 ? 1 : 0;
    if (scan.integrity === 'truncated') return scan.elements.size > 0 ? 3 : 1;
    return missing === undefined ? 4 : scan.elements.size > 0 ? 2 : 1;
  };
  return [...findings].sort((a, b) => rank(b) - rank(a))[0];
}

function explain(finding: Finding | undefined): Rejection {
  if (finding === undefined) return rejected('not-dicom', 'It is no DICOM file.');
  const { scan, missing } = finding;
  switch (scan.integrity) {
    case 'truncated':
      return rejected('truncated', scan.reason ?? 'The Data Set is cut off.');
    case 'malformed':
      return rejected('damaged', scan.reason ?? 'The Data Set is damaged.');
    case 'complete':
      return rejected('missing-uid', missing ?? 'A UID is missing.');
  }
}
