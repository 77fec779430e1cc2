import { createReportSource } from '../avara/account/report-source.ts';
import type { AvaraAccount } from '../avara/account/account.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { ReportOutputJob, ReportRecords } from '../core/ports/report-records.ts';
import { REPORT_TARGETS } from '../core/ports/report-records.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { createReportLoop } from '../core/reports/report-loop.ts';
import type { ReportLoop, StepResult } from '../core/reports/report-loop.ts';
import { encapsulatePdf } from '../dicom/encapsulated-pdf.ts';
import type { AwaitedCommitments } from '../dimse/awaited-commitments.ts';
import { sendToPacs } from '../dimse/scu/send-document.ts';
import { postReport } from '../avara/account/post-report.ts';
import { createReportFiles, exportReport } from '../storage/report-files.ts';
import type { Customers } from './customers.ts';

export interface ReportsOptions {
  readonly dataDir: string;
  readonly records: ReportRecords;
  readonly index: StudyIndex;
  readonly account: AvaraAccount;
  readonly customers: Customers;
  /** Where PACS report that they commit to what they were sent. */
  readonly awaited: AwaitedCommitments;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Puts together how reports come home and where they go from here. */
export function createReports(options: ReportsOptions): ReportLoop {
  const { dataDir, records, index, account, customers, awaited, clock, logger } = options;
  const stopping = new AbortController();

  function targetConfig(job: ReportOutputJob) {
    return customers.configOf(job.report.study.customer)?.reports;
  }

  async function send(job: ReportOutputJob, pdf: Buffer): Promise<StepResult<string>> {
    const { report, target } = job;
    const config = targetConfig(job);
    const study = index.findStudy(report.study);
    if (study === undefined) return { kind: 'permanent', error: 'The study is no longer in the index.' };
    const { reportId, version, plainText } = report;
    const { attributes, key } = study;
    const description = {
      reportId,
      version,
      isCritical: report.isCritical,
      customer: key.customer,
      studyInstanceUid: key.studyInstanceUid,
      avaraStudyId: report.avaraStudyId,
      receivedAt: new Date(report.receivedAt).toISOString(),
      sha256: report.sha256,
      patientName: attributes.PatientName ?? '',
      patientId: attributes.PatientID ?? '',
      issuerOfPatientId: attributes.IssuerOfPatientID ?? '',
      patientBirthDate: attributes.PatientBirthDate ?? '',
      accessionNumber: attributes.AccessionNumber ?? '',
      studyDate: attributes.StudyDate ?? '',
      studyDescription: attributes.StudyDescription ?? '',
    };
    const files = {
      study: key,
      reportId,
      version,
      pdf,
      ...(plainText !== undefined && { plainText }),
      description,
    };
    switch (target) {
      case 'folder': {
        if (config?.folder === undefined) return notConfigured(target);
        const name = `${key.studyInstanceUid}_${reportId}_v${version}`;
        try {
          await exportReport(config.folder, name, files);
        } catch (error) {
          const reason =
            error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : 'error';
          return { kind: 'transient', error: `The folder ${config.folder} cannot be written: ${reason}` };
        }
        return { kind: 'done', value: `${name}.pdf` };
      }
      case 'url':
        if (config?.post === undefined) return notConfigured(target);
        return postReport({
          url: config.post.url,
          token: config.post.token?.reveal(),
          idempotencyKey: `${reportId}/v${version}`,
          description: { ...description, ...(plainText !== undefined && { plainText }) },
          pdf,
          fileName: `${reportId}_v${version}.pdf`,
        });
      case 'pacs': {
        if (config?.pacs === undefined) return notConfigured(target);
        const { title, commitment, tls, ...peer } = config.pacs;
        const subject = { ...attributes, studyInstanceUid: key.studyInstanceUid };
        const document = encapsulatePdf({
          subject,
          pdf,
          title,
          name: `${key.customer}/${key.studyInstanceUid}/${reportId}/v${version}`,
          instanceNumber: version,
          at: report.receivedAt,
        });
        return sendToPacs({
          ...peer,
          tls: tls === false ? undefined : tls,
          calledAeTitle: peer.aeTitle,
          object: document,
          customer: key.customer,
          attempts: job.attempts,
          awaited: commitment === 'off' ? undefined : awaited,
          clock,
          logger,
          signal: stopping.signal,
        });
      }
    }
  }

  const loop = createReportLoop({
    records,
    source: createReportSource({ account, customers: customers.avara, index }),
    files: createReportFiles({ dataDir }),
    targetsOf(study) {
      const config = customers.configOf(study.customer)?.reports;
      const wanted = { folder: config?.folder, url: config?.post, pacs: config?.pacs };
      return REPORT_TARGETS.filter((target) => wanted[target] !== undefined);
    },
    send,
    clock,
    logger,
  });
  return {
    ...loop,
    async stop(deadlineMs) {
      stopping.abort();
      await loop.stop(deadlineMs);
    },
  };
}

function notConfigured(target: string): StepResult<string> {
  return {
    kind: 'permanent',
    error: `The customer has no ${target} for reports in the configuration any more.`,
  };
}
