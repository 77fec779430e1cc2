import type { BenchStudy, ServerName } from './web-servers.ts';

/** One kind of request, as each server that knows it wants it. */
export interface WebCase {
  readonly title: string;
  readonly clients: number;
  /** What was made for earlier requests is forgotten before each, of which there is one per round. */
  readonly isCold?: boolean;
  readonly requests: Partial<Readonly<Record<ServerName, WebRequests>>>;
}

export interface WebRequests {
  readonly paths: readonly string[];
  readonly headers: readonly string[];
}

/** What is measured. @param objectPath signed URL of an instance. @param fileOf path of its raw file. */
export function webCases(
  bench: BenchStudy,
  objectPath: (instance: string) => string,
  fileOf: (index: number) => string,
): readonly WebCase[] {
  const { study, series, instances } = bench;
  const json = ['Accept: application/dicom+json', 'Accept-Encoding: gzip'];
  const studyPath = `/dicom-web/studies/${study}`;
  const instancePath = (instance: string): string => `${studyPath}/series/${series}/instances/${instance}`;
  const both = (paths: readonly string[], headers: readonly string[]): WebCase['requests'] => ({
    'avara-ingest': { paths, headers },
    Orthanc: { paths, headers },
  });
  const files = { paths: instances.map((_instance, index) => fileOf(index)), headers: [] };
  const multipart = (type: string): string[] => [`Accept: multipart/related; type="${type}"`];
  const all = instances.map(instancePath);
  const one: readonly WebCase[] = [
    {
      title: 'study metadata, cold',
      clients: 1,
      isCold: true,
      requests: both([`${studyPath}/metadata`], json),
    },
    { title: 'study metadata, warm', clients: 1, requests: both([`${studyPath}/metadata`], json) },
    {
      title: 'series metadata, warm',
      clients: 1,
      requests: both([`${studyPath}/series/${series}/metadata`], json),
    },
    {
      title: 'instance metadata',
      clients: 1,
      requests: both(
        all.map((path) => `${path}/metadata`),
        json,
      ),
    },
    {
      title: 'QIDO studies',
      clients: 1,
      requests: both([`/dicom-web/studies?StudyInstanceUID=${study}`], json),
    },
    { title: 'QIDO series', clients: 1, requests: both([`${studyPath}/series`], json) },
    { title: 'QIDO instances', clients: 1, requests: both([`${studyPath}/instances`], json) },
  ];
  const several = [1, 8].flatMap((clients): WebCase[] => [
    {
      title: 'WADO-RS instance, multipart',
      clients,
      requests: { ...both(all, multipart('application/dicom')), nginx: files },
    },
    {
      title: 'WADO-RS instance, single',
      clients,
      requests: { 'avara-ingest': { paths: all, headers: ['Accept: application/dicom'] }, nginx: files },
    },
    {
      title: 'WADO-RS frame',
      clients,
      requests: both(
        all.map((path) => `${path}/frames/1`),
        multipart('application/octet-stream'),
      ),
    },
    {
      title: 'object URL',
      clients,
      requests: { 'avara-ingest': { paths: instances.map(objectPath), headers: [] }, nginx: files },
    },
  ]);
  return [...one, ...several];
}
