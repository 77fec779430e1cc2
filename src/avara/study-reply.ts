import type { AvaraStudy } from '../core/ports/study-gateway.ts';

/**
 * Reads a study as Avara answers it.
 * @param body parsed JSON.
 * @param askedUid the Study Instance UID of the request, for an answer that leaves its own out.
 * @returns undefined where the answer has no `studyId`, or is about another study.
 */
export function readStudyReply(body: unknown, askedUid: string): AvaraStudy | undefined {
  if (!isRecord(body)) return undefined;
  const studyId = nonEmpty(body.studyId);
  // `studyUid` is how some samples of the product documentation spell it.
  const studyInstanceUid = nonEmpty(body.studyInstanceUid) ?? nonEmpty(body.studyUid) ?? askedUid;
  if (studyId === undefined || studyInstanceUid !== askedUid) return undefined;
  const customer = body.expressCustomer;
  const expressCustomerId = isRecord(customer) ? nonEmpty(customer.expressCustomerId) : undefined;
  return {
    studyId,
    studyInstanceUid,
    isCancelled: body.isCancelled === true,
    ...(expressCustomerId === undefined ? {} : { expressCustomerId }),
  };
}

/** Reads a page of a list of studies. @returns undefined where it is none; `cursor` where there is another page. */
export function readStudyList(
  body: unknown,
): { readonly studies: readonly unknown[]; readonly cursor?: string } | undefined {
  if (!isRecord(body) || !Array.isArray(body.studies)) return undefined;
  const studies: readonly unknown[] = body.studies;
  const cursor = nonEmpty(body.cursor);
  return { studies, ...(body.hasMore === true && studies.length > 0 && cursor !== undefined && { cursor }) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
