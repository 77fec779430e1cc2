import type { AvaraEmulatorOptions } from '../../src/emulator/avara-emulator.ts';

/** An account of the Avara emulator for tests: two customers, one deactivated, one user, keys of each scope. */
export const ACCOUNT = {
  allKey: `sk_live_${'a'.repeat(32)}`,
  selfKey: `sk_live_${'b'.repeat(32)}`,
  noExpressKey: `sk_live_${'c'.repeat(32)}`,
  webhookSecret: 'whsec_aW5nZXN0LXRlc3Qta2V5LTAx',
  city: `cus_${'1'.repeat(32)}`,
  harbour: `cus_${'2'.repeat(32)}`,
  closed: `cus_${'3'.repeat(32)}`,
  reader: `usr_${'4'.repeat(32)}`,
} as const;

/** Options of the emulator for {@link ACCOUNT}. */
export function accountOptions(webhookUrl?: string): AvaraEmulatorOptions {
  const common = {
    webhookSecret: ACCOUNT.webhookSecret,
    ...(webhookUrl === undefined ? {} : { webhookUrl, reportWebhookUrl: webhookUrl }),
  };
  return {
    apiKeys: [
      { ...common, key: ACCOUNT.allKey, description: 'ingest', studyScope: 'all', expressAccess: 'write' },
      { ...common, key: ACCOUNT.selfKey, description: 'own only', studyScope: 'self', expressAccess: 'read' },
      {
        ...common,
        key: ACCOUNT.noExpressKey,
        description: 'plain',
        studyScope: 'all',
        expressAccess: 'none',
      },
    ],
    expressCustomers: [
      { id: ACCOUNT.city, name: 'City Medical', isActive: true },
      { id: ACCOUNT.harbour, name: 'Harbour Imaging', isActive: true },
      { id: ACCOUNT.closed, name: 'Closed Clinic', isActive: false },
    ],
    users: [{ userId: ACCOUNT.reader, email: 'reader@example.org' }],
  };
}

/** A Viewer create body that is accepted. */
export const VIEWER_CREATE = {
  studyInstanceUid: '1.2.826.0.1.3680043.2.1125.1',
  studyDescription: 'CT CHEST',
  severity: 'normal',
  expressCustomerId: ACCOUNT.city,
  metadata: { accessionNumber: 'A1' },
} as const;

/** An AutoScribe create body that is accepted. */
export const AUTOSCRIBE_CREATE = {
  ...VIEWER_CREATE,
  modality: 'CT',
  reportMetadata: { sex: 'female', dateOfBirth: '1979-02-28', studyTime: '09:41' },
} as const;
