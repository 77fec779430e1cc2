function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rename(body: Record<string, unknown>, from: string, to: string): Record<string, unknown> {
  if (!(from in body) || to in body) return body;
  const { [from]: value, ...rest } = body;
  return { ...rest, [to]: value };
}

/**
 * Puts the names that Avara's documentation still shows in the place of today's: `studyUid`, and in `reportMetadata`
 * `scanDate`, `scanTime` and `scanType`. Where both names are present the old one stays, to be refused as unknown.
 */
export function renameDocumentationFields(body: unknown): unknown {
  if (!isObject(body)) return body;
  const renamed = rename(body, 'studyUid', 'studyInstanceUid');
  const reportMetadata = renamed.reportMetadata;
  if (!isObject(reportMetadata)) return renamed;
  return {
    ...renamed,
    reportMetadata: [
      ['scanDate', 'studyDate'],
      ['scanTime', 'studyTime'],
      ['scanType', 'procedure'],
    ].reduce((fields, [from = '', to = '']) => rename(fields, from, to), reportMetadata),
  };
}
