import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** A version of a report, as the file beside its PDF describes it. */
export interface ListedReport {
  readonly reportId: string;
  readonly version: number;
  readonly avaraStudyId: string;
  readonly eventId: string;
  readonly isCritical: boolean;
  readonly receivedAt: string;
  readonly sha256: string;
  readonly customer: string;
  readonly studyInstanceUid: string;
  readonly plainText?: string;
}

/** Every report below `reports/` that is complete; what cannot be read is left out. */
export async function listReports(dataDir: string): Promise<readonly ListedReport[]> {
  const root = path.join(dataDir, 'reports');
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const reports: ListedReport[] = [];
  for (const name of names) {
    if (!/(^|[/\\])v\d+\.json$/.test(name)) continue;
    const report = await readReport(path.join(root, name));
    if (report !== undefined) reports.push(report);
  }
  return reports;
}

async function readReport(file: string): Promise<ListedReport | undefined> {
  try {
    const report = JSON.parse(await readFile(file, 'utf8')) as ListedReport;
    const isWhole =
      typeof report.reportId === 'string' &&
      typeof report.version === 'number' &&
      typeof report.eventId === 'string' &&
      typeof report.avaraStudyId === 'string' &&
      typeof report.customer === 'string' &&
      typeof report.studyInstanceUid === 'string' &&
      typeof report.sha256 === 'string';
    if (!isWhole) return undefined;
    const plainText = await readFile(file.replace(/\.json$/, '.txt'), 'utf8').catch(() => undefined);
    return { ...report, ...(plainText !== undefined && { plainText }) };
  } catch {
    return undefined;
  }
}
