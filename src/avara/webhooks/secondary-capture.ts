import { z } from 'zod';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { UploadUrls } from '../../core/ports/upload-urls.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { MalformedEventError, parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { EXPLANATIONS, recordHandOut } from './hand-out.ts';
import { refusalFor } from './refusals.ts';
import { createStudyResolver, studyReference, withDocumentedNames } from './resolve-study.ts';
import type { ResolveStudyOptions } from './resolve-study.ts';

export interface SecondaryCaptureHandlerOptions extends ResolveStudyOptions {
  readonly uploadUrls: UploadUrls;
  readonly audit: AuditTrail;
  readonly logger: Logger;
}

const dataSchema = z.preprocess(
  withDocumentedNames,
  z.object({
    ...studyReference,
    seriesInstanceUid: z.string().optional(),
    sopInstanceUid: z.string().optional(),
  }),
);

/** Answers `secondary_capture.access_requested` with a URL that takes one object of the study. */
export function createSecondaryCaptureHandler(options: SecondaryCaptureHandlerOptions): EventHandler {
  const resolveStudy = createStudyResolver(options);

  return async function answerSecondaryCapture(event: VerifiedEvent): Promise<unknown> {
    const asked = parseMembers(dataSchema, event.data, event.type);
    const seriesInstanceUid = readUid(asked.seriesInstanceUid, 'seriesInstanceUid');
    const sopInstanceUid = readUid(asked.sopInstanceUid, 'sopInstanceUid');
    const decision = await resolveStudy(asked, event.customers);
    const customer = decision.study?.key.customer;
    const { studyInstanceUid } = asked;
    if (!decision.isGranted) {
      const detail = decision.reason;
      recordHandOut(event, { name: 'capture.access_refused', customer, studyInstanceUid, detail }, options);
      return refusalFor(event.type, EXPLANATIONS[decision.reason]);
    }
    recordHandOut(
      event,
      { name: 'capture.access_granted', customer, studyInstanceUid, detail: '1 upload url' },
      options,
    );
    const url = options.uploadUrls.forStudy(decision.study.key, {
      ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
      ...(sopInstanceUid !== undefined && { sopInstanceUid }),
    });
    return { authorized: true, uploadUrls: [url] };
  };
}

/** @throws MalformedEventError */
function readUid(text: string | undefined, member: string): Uid | undefined {
  const uid = text === undefined ? undefined : parseUid(text);
  if (text !== undefined && uid === undefined) throw new MalformedEventError(`${member} is not a UID`);
  return uid;
}
