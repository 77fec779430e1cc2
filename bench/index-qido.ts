import { Hono } from 'hono';

import type { StudyIndex } from '../src/core/ports/study-index.ts';
import type { StudySearch } from '../src/core/ports/study-search.ts';
import { customerKey, type CustomerKey } from '../src/core/study/instance.ts';
import type { DicomWebEnv } from '../src/http/dicomweb/env.ts';
import { createSearchRoutes } from '../src/http/dicomweb/search-routes.ts';
import type { PopulationStudy } from './index-population.ts';

/** @returns how many results the answer has. */
export type Ask = (path: string, customers: readonly CustomerKey[]) => Promise<number>;

/** QIDO-RS as the daemon answers it, from the request to the JSON text; without listener and token. */
export function createQido(index: StudyIndex, search: StudySearch): Ask {
  let customers: readonly CustomerKey[] = [];
  const app = new Hono<DicomWebEnv>();
  app.use('*', async (c, next) => {
    const serviceUrl = 'https://images.example.org/dicom-web';
    c.set('scope', { actor: 'bench', customers, mayRead: true, mayWrite: false, serviceUrl });
    await next();
  });
  app.route(
    '/',
    createSearchRoutes({ index, search, audit: { record: () => undefined }, maxResults: 10_000 }),
  );
  return async (path, allowed) => {
    customers = allowed;
    const response = await app.request(path, {}, {});
    if (response.status === 204) return 0;
    if (response.status !== 200) throw new Error(`QIDO-RS answered ${path} with ${response.status}`);
    return ((await response.json()) as readonly unknown[]).length;
  };
}

const ALL = ['city-medical', 'north-clinic', 'harbour-imaging'].map(customerKey);

/** The searches that budgets speak of, and what a viewer's list asks for. */
export function qidoQueries(ask: Ask): readonly {
  readonly title: string;
  readonly repeats: number;
  readonly hasBudget: boolean;
  readonly run: (study: PopulationStudy) => Promise<number>;
}[] {
  const own = (study: PopulationStudy): readonly CustomerKey[] => [study.key.customer];
  return [
    {
      title: 'QIDO by Patient ID',
      repeats: 1000,
      hasBudget: true,
      run: (study) => ask(`/studies?PatientID=${study.patientId}`, own(study)),
    },
    {
      title: 'QIDO by Patient ID, three customers',
      repeats: 1000,
      hasBudget: true,
      run: (study) => ask(`/studies?PatientID=${study.patientId}`, ALL),
    },
    {
      title: 'QIDO by family name',
      repeats: 1000,
      hasBudget: true,
      run: (study) => ask(`/studies?PatientName=${study.familyName}*`, own(study)),
    },
    {
      title: 'QIDO by 3 letters of a name, limit 25',
      repeats: 300,
      hasBudget: false,
      run: (study) => ask(`/studies?PatientName=${study.familyName.slice(0, 3)}*&limit=25`, own(study)),
    },
    {
      title: 'QIDO by Study Date',
      repeats: 1000,
      hasBudget: true,
      run: (study) => ask(`/studies?StudyDate=${study.studyDate}`, own(study)),
    },
    {
      title: 'QIDO by a range of dates, limit 25',
      repeats: 300,
      hasBudget: true,
      run: (study) =>
        ask(`/studies?StudyDate=${study.studyDate.slice(0, 4)}0101-${study.studyDate}&limit=25`, own(study)),
    },
    {
      title: 'QIDO, latest 101 studies',
      repeats: 300,
      hasBudget: false,
      run: (study) => ask('/studies?limit=101', own(study)),
    },
    {
      title: 'QIDO, all series of a study',
      repeats: 1000,
      hasBudget: false,
      run: (study) => ask(`/studies/${study.key.studyInstanceUid}/series`, own(study)),
    },
    {
      title: 'QIDO by an unindexed key, to the end',
      repeats: 5,
      hasBudget: false,
      run: (study) => ask('/studies?StudyDescription=*KNEE&limit=10000', own(study)),
    },
  ];
}
