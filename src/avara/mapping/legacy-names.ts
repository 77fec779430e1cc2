/** Names that samples of Avara's product documentation still show, by the names that its SDK has now. */
const LEGACY_REPORT_NAMES: Readonly<Record<string, string>> = {
  studyDate: 'scanDate',
  studyTime: 'scanTime',
  procedure: 'scanType',
};

/**
 * A create or update body under the older names of Avara's documentation, for accounts that do not know the SDK's yet:
 * `studyUid`, and in `reportMetadata` `scanDate`, `scanTime`, `scanType`.
 */
export function withLegacyNames(body: object): object {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]: [string, unknown]) => {
      if (name === 'studyInstanceUid') return ['studyUid', value];
      if (name !== 'reportMetadata' || typeof value !== 'object' || value === null) return [name, value];
      const renamed = Object.entries(value).map(([member, content]: [string, unknown]) => [
        LEGACY_REPORT_NAMES[member] ?? member,
        content,
      ]);
      return [name, Object.fromEntries(renamed)];
    }),
  );
}
