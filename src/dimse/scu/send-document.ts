import type { StepResult } from '../../core/reports/report-loop.ts';
import { storeObjects } from './store-scu.ts';

export interface SendDocumentOptions {
  readonly host: string;
  readonly port: number;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly object: {
    readonly sopClassUid: string;
    readonly sopInstanceUid: string;
    readonly transferSyntaxUid: string;
    readonly dataSet: Buffer;
  };
}

/** Sends one object to a PACS by C-STORE. @returns its SOP Instance UID where the PACS took it. */
export async function sendToPacs(options: SendDocumentOptions): Promise<StepResult<string>> {
  const { object, host, port, callingAeTitle, calledAeTitle } = options;
  let status: number | undefined;
  const item = { ...object, readDataSet: () => object.dataSet };
  try {
    await storeObjects({
      host,
      port,
      callingAeTitle,
      calledAeTitle,
      objects: [item],
      onResponse(_, given) {
        status = given;
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // A response counts even where the Association did not end well.
    if (status === undefined) return { kind: 'transient', error: `The PACS was not reached: ${reason}` };
  }
  if (status === undefined)
    return { kind: 'permanent', error: `${calledAeTitle} takes no Encapsulated PDF objects.` };
  // Success and the warnings of PS3.4 Table B.2-1: the object is stored.
  if (status === 0 || (status & 0xf000) === 0xb000) return { kind: 'done', value: object.sopInstanceUid };
  const code = `0x${status.toString(16).padStart(4, '0').toUpperCase()}`;
  // Its Error Comment may name the patient, so it is left out.
  const error = `${calledAeTitle} answered ${code}.`;
  // Out of resources passes; a Data Set that does not fit, or cannot be understood, stays so.
  const isTransient = (status & 0xff00) === 0xa700 || status === 0x0110 || status === 0x0122;
  return { kind: isTransient ? 'transient' : 'permanent', error };
}
