import { once } from 'node:events';
import type { AddressInfo, Server as NetServer } from 'node:net';

import dcmjsDimse from 'dcmjs-dimse';

const { Client, Dataset, Scp, Server, constants, log, requests, responses } = dcmjsDimse;
log.setLevel('silent');

const PUSH_MODEL = '1.2.840.10008.1.20.1';
const PUSH_MODEL_INSTANCE = '1.2.840.10008.1.20.1.1';

export interface Reference {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
}

/** An N-EVENT-REPORT of storage commitment as its receiver understands it. */
export interface ReceivedReport {
  readonly eventTypeId: number;
  readonly transactionUid: string;
  readonly committed: readonly Reference[];
  /** With (0008,1197) Failure Reason. */
  readonly failed: readonly (Reference & { readonly reason: number })[];
}

export interface CommitmentRequestOptions {
  readonly to: { readonly host: string; readonly port: number };
  readonly calledAe: string;
  readonly callingAe: string;
  readonly transactionUid: string;
  readonly references: readonly Reference[];
  /** How long to stay on the Association after the answer, ms; default 0. */
  readonly lingerMs?: number;
}

type EventReportRequest = InstanceType<typeof requests.NEventReportRequest>;
type EventReportResponse = InstanceType<typeof responses.NEventReportResponse>;

function answerReport(
  request: EventReportRequest,
  callback: (response: EventReportResponse) => void,
): ReceivedReport {
  const elements = request.getDataset()?.getElements() ?? {};
  const response = responses.NEventReportResponse.fromRequest(request);
  response.setStatus(constants.Status.Success);
  callback(response);
  const items = (name: string): Record<string, unknown>[] => {
    const value = elements[name];
    // The library shows a sequence of one item as that item.
    return value === undefined ? [] : ([value].flat() as Record<string, unknown>[]);
  };
  const reference = (item: Record<string, unknown>): Reference => ({
    sopClassUid: String(item.ReferencedSOPClassUID),
    sopInstanceUid: String(item.ReferencedSOPInstanceUID),
  });
  return {
    eventTypeId: request.getEventTypeId(),
    transactionUid: String(elements.TransactionUID),
    committed: items('ReferencedSOPSequence').map(reference),
    failed: items('FailedSOPSequence').map((item) => ({
      ...reference(item),
      reason: Number(item.FailureReason),
    })),
  };
}

/**
 * Requests storage commitment with dcmjs-dimse as SCU.
 * @returns the Status of the N-ACTION-RSP, and the report if it came on the same Association.
 */
export function requestCommitment(
  options: CommitmentRequestOptions,
): Promise<{ readonly status: number; readonly report?: ReceivedReport }> {
  const { to, calledAe, callingAe, transactionUid, references, lingerMs = 0 } = options;
  return new Promise((resolve, reject) => {
    let status = -1;
    let report: ReceivedReport | undefined;
    const client = new Client();
    const action = new requests.NActionRequest(PUSH_MODEL, PUSH_MODEL_INSTANCE, 1);
    action.setDataset(
      new Dataset(
        {
          TransactionUID: transactionUid,
          ReferencedSOPSequence: references.map(({ sopClassUid, sopInstanceUid }) => ({
            ReferencedSOPClassUID: sopClassUid,
            ReferencedSOPInstanceUID: sopInstanceUid,
          })),
        },
        constants.TransferSyntax.ExplicitVRLittleEndian,
      ),
    );
    action.on('response', (response: { getStatus(): number }) => {
      status = response.getStatus();
    });
    client.addRequest(action);
    client.on(
      'nEventReportRequest',
      (request: EventReportRequest, callback: (response: EventReportResponse) => void) => {
        report = answerReport(request, callback);
      },
    );
    client.on('associationRejected', () => reject(new Error('the Association was rejected')));
    client.on('networkError', reject);
    client.on('closed', () => resolve({ status, ...(report && { report }) }));
    client.send(to.host, to.port, callingAe, calledAe, { associationLingerTimeout: lingerMs });
  });
}

/** Listens for reports with dcmjs-dimse, as a modality does. */
export interface ReportListener {
  readonly port: number;
  /** All so far. */
  readonly reports: readonly ReceivedReport[];
  /** AE titles of the Associations so far. */
  readonly associations: readonly { readonly callingAe: string; readonly calledAe: string }[];
  close(): void;
}

/**
 * @param port default: a free one.
 * @param tls listens for DICOM over TLS, and takes who shows a certificate of `ca` alone.
 */
export async function listenForReports(
  port = 0,
  tls?: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer },
): Promise<ReportListener> {
  const reports: ReceivedReport[] = [];
  const associations: { callingAe: string; calledAe: string }[] = [];

  class Modality extends Scp {
    override associationRequested(
      association: InstanceType<typeof dcmjsDimse.association.Association>,
    ): void {
      associations.push({
        callingAe: association.getCallingAeTitle(),
        calledAe: association.getCalledAeTitle(),
      });
      for (const { id } of association.getPresentationContexts() as { id: number }[]) {
        const context = association.getPresentationContext(id);
        if (context.getAbstractSyntaxUid() !== PUSH_MODEL) {
          context.setResult(constants.PresentationContextResult.RejectAbstractSyntaxNotSupported);
          continue;
        }
        const [transferSyntax] = context.getTransferSyntaxUids();
        context.setResult(constants.PresentationContextResult.Accept, transferSyntax);
      }
      this.sendAssociationAccept();
    }

    override nEventReportRequest(
      request: EventReportRequest,
      callback: (response: EventReportResponse) => void,
    ): void {
      reports.push(answerReport(request, callback));
    }

    override associationReleaseRequested(): void {
      this.sendAssociationReleaseResponse();
    }
  }

  const server = new Server(Modality);
  server.listen(port, {
    ...(tls && { securityOptions: { ...tls, requestCert: true, rejectUnauthorized: true } }),
  });
  const listener = (server as unknown as { server: NetServer }).server;
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    reports,
    associations,
    close: () => server.close(),
  };
}
