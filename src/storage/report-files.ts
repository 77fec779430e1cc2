import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import type { ReportFiles, ReportFileSet } from '../core/reports/report-loop.ts';
import type { StudyKey } from '../core/study/instance.ts';
import { DurableFolders } from './durable-folders.ts';
import { syncFolder } from './sync-folder.ts';

const NAME_PATTERN = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * Keeps reports as `reports/<customer>/<study>/<report id>/v<version>.pdf`, with the text as `.txt` and what is known of
 * it as `.json`, written last. Versions are never changed.
 */
export function createReportFiles({ dataDir }: { readonly dataDir: string }): ReportFiles {
  const folderOf = (study: StudyKey, reportId: string): string => {
    if (!NAME_PATTERN.test(reportId)) throw new RangeError('a report id must be letters, digits, _ and -');
    return path.join('reports', study.customer, study.studyInstanceUid, reportId);
  };
  const folders = new DurableFolders();

  return {
    async save(report) {
      const { study, reportId, version } = report;
      const folder = await folders.ensure(dataDir, folderOf(study, reportId));
      await writeReport(folder, `v${version}`, report);
      await folders.sync(folder);
    },
    readPdf: ({ study, reportId, version }) =>
      readFile(path.join(dataDir, folderOf(study, reportId), `v${version}.pdf`)),
  };
}

/** Writes a report's files into a folder of somebody else's, durably; the `.json` last, so that it says "complete". */
export async function exportReport(folder: string, name: string, report: ReportFileSet): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeReport(folder, name, report);
  await syncFolder(folder);
}

async function writeReport(folder: string, name: string, report: ReportFileSet): Promise<void> {
  await writeDurably(path.join(folder, `${name}.pdf`), report.pdf);
  if (report.plainText !== undefined) await writeDurably(path.join(folder, `${name}.txt`), report.plainText);
  const description = `${JSON.stringify(report.description, undefined, 2)}\n`;
  await writeDurably(path.join(folder, `${name}.json`), description);
}

/** All or nothing: temporary file beside it, flush, rename. */
async function writeDurably(file: string, content: Buffer | string): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${randomUUID()}.part`);
  try {
    const handle = await open(temporary, 'wx', 0o640);
    try {
      await handle.writeFile(content);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
