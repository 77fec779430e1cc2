import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { ReportDescription } from '../core/ports/report-records.ts';

/** Every report below `reports/` that is complete; what cannot be read is left out. */
export async function listReports(dataDir: string): Promise<readonly ReportDescription[]> {
  const root = path.join(dataDir, 'reports');
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const reports: ReportDescription[] = [];
  for (const name of names) {
    if (!/(^|[/\\])v\d+\.json$/.test(name)) continue;
    const report = await readReport(path.join(root, name));
    if (report !== undefined) reports.push(report);
  }
  return reports;
}

async function readReport(file: string): Promise<ReportDescription | undefined> {
  try {
    const report = JSON.parse(await readFile(file, 'utf8')) as ReportDescription;
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
