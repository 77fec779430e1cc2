import type { ApiKey, EmulatedUser, Study } from './model.ts';
import type { EmulatorState } from './state.ts';
import { reportStatusOf } from './studies.ts';

/** The account's fixed parts that replies refer to. */
export interface Directory {
  readonly apiKeys: readonly ApiKey[];
  readonly users: readonly EmulatedUser[];
  readonly state: EmulatorState;
}

/**
 * The study as the API replies with it: what goes in as `assignedTo` and `expressCustomerId` strings comes back as the
 * objects `assignedTo` and `expressCustomer`.
 */
export function toStudyReply(study: Study, directory: Directory): Record<string, unknown> {
  const { createdByApiKeyId, expressCustomerId, assignedTo, ...fields } = study;
  const apiKey = directory.apiKeys.find((key) => key.apiKeyId === createdByApiKeyId);
  const reply: Record<string, unknown> = {
    ...fields,
    assignedTo: assignedTo === null ? null : (directory.users.find((u) => u.userId === assignedTo) ?? null),
    createdByUser: null,
    createdByApiKey: {
      apiKeyId: createdByApiKeyId,
      description: apiKey?.description ?? 'revoked key',
      isViewerEnabled: true,
      isClinicalContextEnrichmentEnabled: false,
    },
    expressCustomer:
      expressCustomerId === null
        ? null
        : {
            expressCustomerId,
            expressCustomerName: directory.state.findCustomer(expressCustomerId)?.expressCustomerName ?? '',
          },
  };
  delete reply.product;
  if (study.product === 'autoScribe') {
    reply.studyReportStatus = reportStatusOf(study);
    reply.isCritical = study.reportIds.some((report) => report.isCritical === true);
  }
  return reply;
}
