import { Hono } from 'hono';
import { z } from 'zod';
import type { EmulatorEnv } from './env.ts';
import { ApiError } from './errors.ts';
import type { AutoScribeStudy } from './model.ts';
import { readQuery } from './read-request.ts';
import type { ReportDesk } from './report-desk.ts';
import type { StudyRules } from './studies.ts';
import type { Directory } from './study-reply.ts';
import { studyIdSchema, studyInstanceUidSchema } from './schemas.ts';

const querySchema = z.strictObject({
  reportId: z.string().optional(),
  studyId: studyIdSchema.optional(),
  studyInstanceUid: studyInstanceUidSchema.optional(),
});

export interface ReportRoutesOptions {
  readonly directory: Directory;
  readonly rules: StudyRules;
  readonly reportDesk: ReportDesk;
}

/** The report endpoints, to be mounted at `/v1/autoScribe/reports`. */
export function createReportRoutes({ directory, rules, reportDesk }: ReportRoutesOptions): Hono<EmulatorEnv> {
  const app = new Hono<EmulatorEnv>();

  function itemsOf(study: AutoScribeStudy, member: 'pdf' | 'text') {
    return study.reportIds.map(({ reportId }) => ({
      reportId,
      studyId: study.studyId,
      studyInstanceUid: study.studyInstanceUid,
      snapshotMetadata: study.reportMetadata,
      ...(member === 'pdf'
        ? { presignedUrl: reportDesk.linkTo(reportId) }
        : { plainText: reportDesk.textOf(reportId) }),
    }));
  }

  for (const member of ['pdf', 'text'] as const) {
    app.get(`/${member}`, (c) => {
      const { reportId, studyId, studyInstanceUid } = readQuery(c, querySchema);
      const apiKey = c.get('apiKey');
      if (reportId !== undefined) {
        const owner = directory.state
          .studies()
          .find(
            (study) =>
              study.product === 'autoScribe' &&
              study.reportIds.some((report) => report.reportId === reportId),
          );
        if (owner?.product !== 'autoScribe') throw new ApiError(404, 'Report not found');
        // Throws where the key may not see the study.
        rules.get(apiKey, 'autoScribe', owner.studyId);
        const [item] = itemsOf(owner, member).filter((one) => one.reportId === reportId);
        return c.json(item ?? null);
      }
      if ((studyId === undefined) === (studyInstanceUid === undefined))
        throw new ApiError(400, 'Send reportId, studyId or studyInstanceUid');
      const study =
        studyId === undefined
          ? rules.getByUid(apiKey, 'autoScribe', studyInstanceUid ?? '')
          : rules.get(apiKey, 'autoScribe', studyId);
      if (study.product !== 'autoScribe') throw new ApiError(404, 'Study not found');
      const named = { studyId: study.studyId, studyInstanceUid: study.studyInstanceUid };
      return c.json({ reports: itemsOf(study, member), ...named });
    });
  }
  return app;
}
