import { z } from 'zod';
import type { Logger } from '../../core/ports/logger.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { refusalFor, unservedReason } from './refusals.ts';

export interface WorklistHandlerOptions {
  /** The text of the customer's worklist file; undefined: the customer has none configured. @throws where it cannot be read. */
  readonly readWorklist: (customer: CustomerKey) => Promise<string | undefined>;
  readonly logger: Logger;
}

const date = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);
const dataSchema = z.object({ dateStart: date, dateEnd: date, modality: z.string().nullish() });

const step = z.object({
  Modality: z.string(),
  ScheduledProcedureStepDescription: z.string(),
  ScheduledProcedureStepID: z.string().max(16),
  ScheduledProcedureStepStartDate: z.string().regex(/^\d{8}$/),
  ScheduledProcedureStepStartTime: z.string().regex(/^\d{6}$/),
});
const item = z.object({
  AccessionNumber: z.string().max(16),
  Modality: z.string(),
  PatientBirthDate: z.string().regex(/^(\d{8})?$/),
  PatientID: z.string(),
  PatientName: z.string(),
  PatientSex: z.enum(['M', 'F', 'O', '']),
  PatientSize: z.string(),
  PatientWeight: z.string(),
  ProtocolName: z.string(),
  RequestedProcedureDescription: z.string(),
  StudyDescription: z.string(),
  StudyInstanceUID: z.string().min(1),
  ScheduledProcedureStepSequence: z.array(step).min(1),
});
const fileSchema = z.array(item);

/** Answers `modality_worklist.requested` from the files that customers have configured; without one it is refused. */
export function createWorklistHandler({ readWorklist, logger }: WorklistHandlerOptions): EventHandler {
  return async function answerWorklist(event: VerifiedEvent): Promise<unknown> {
    const { dateStart, dateEnd, modality } = parseMembers(dataSchema, event.data, event.type);
    const items: z.output<typeof fileSchema> = [];
    let isOffered = false;
    for (const customer of event.customers) {
      const text = await readWorklist(customer);
      if (text === undefined) continue;
      isOffered = true;
      items.push(...fileSchema.parse(JSON.parse(text)));
    }
    if (!isOffered) return refusalFor(event.type, unservedReason(event.type));
    const [first, last] = [dateStart.replaceAll('-', ''), dateEnd.replaceAll('-', '')];
    const wanted = items.filter((one) =>
      one.ScheduledProcedureStepSequence.some(
        ({ ScheduledProcedureStepStartDate: day, Modality }) =>
          day >= first && day <= last && ((modality ?? '') === '' || Modality === modality),
      ),
    );
    logger.info({ webhookEvent: event.id, items: wanted.length }, 'a worklist was answered');
    return { authorized: true, items: wanted };
  };
}
