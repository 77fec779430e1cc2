import type { StudyIndex } from '../src/core/ports/study-index.ts';
import type { StudySearch } from '../src/core/ports/study-search.ts';
import type { StudyQuery } from '../src/core/study/study.ts';
import type { PopulationStudy } from './index-population.ts';
import { createQido, qidoQueries } from './index-qido.ts';
import { summarize, type Latency } from './statistics.ts';

export interface QueryLatency {
  readonly title: string;
  /** What was found on average: a query that finds nothing is no measure. */
  readonly found: number;
  readonly latency: Latency;
  /** p99 in milliseconds; undefined where the budget sets none. */
  readonly budgetMs?: number;
}

interface Query {
  readonly title: string;
  readonly repeats: number;
  readonly budgetMs?: number;
  /** @returns how much was found. */
  readonly run: (study: PopulationStudy) => number | Promise<number>;
}

const QIDO_BUDGET_MS = 10;

/** Times the index's reads, each for studies picked evenly over the whole time of arrival. */
export async function measureQueries(
  { index, search }: { readonly index: StudyIndex; readonly search: StudySearch },
  studies: readonly PopulationStudy[],
  large: PopulationStudy,
): Promise<QueryLatency[]> {
  const qido = qidoQueries(createQido(index, search)).map(({ hasBudget, ...query }) => ({
    ...query,
    ...(hasBudget && { budgetMs: QIDO_BUDGET_MS }),
  }));
  const latencies: QueryLatency[] = [];
  for (const query of [...queriesOf(index, studies, large), ...qido])
    latencies.push(await measureQuery(query, studies));
  return latencies;
}

async function measureQuery(
  { title, repeats, budgetMs, run }: Query,
  studies: readonly PopulationStudy[],
): Promise<QueryLatency> {
  const durations: number[] = [];
  let found = 0;
  for (let turn = -10; turn < repeats; turn += 1) {
    // A stride prime to the number of studies visits them in a scattered order.
    const study = studies[((turn + 10) * 7919) % studies.length];
    if (study === undefined) throw new Error('the index is empty');
    const startedAt = performance.now();
    const count = await run(study);
    const duration = performance.now() - startedAt;
    if (turn < 0) continue;
    durations.push(duration);
    found += count;
  }
  if (found === 0) throw new Error(`${title}: nothing found`);
  return {
    title,
    found: found / repeats,
    latency: summarize(durations),
    ...(budgetMs === undefined ? {} : { budgetMs }),
  };
}

function queriesOf(index: StudyIndex, studies: readonly PopulationStudy[], large: PopulationStudy): Query[] {
  const list = (query: Partial<StudyQuery>): number =>
    index.listStudies({ limit: 100, ...query }).studies.length;
  const cursors = cursorsOf(index);
  let page = 0;
  const seriesOf500 = studies.find(({ instances }) => instances > 500 && instances < large.instances);
  return [
    {
      title: 'findInstance',
      repeats: 2000,
      run: (study) => (index.findInstance(study.someInstance) ? 1 : 0),
    },
    { title: 'findStudy', repeats: 2000, run: (study) => (index.findStudy(study.key) ? 1 : 0) },
    { title: 'listStudies, newest 100', repeats: 300, budgetMs: QIDO_BUDGET_MS, run: () => list({}) },
    {
      title: 'listStudies, a later page of 100',
      repeats: 300,
      budgetMs: QIDO_BUDGET_MS,
      run: () => list({ cursor: cursors[(page += 1) % cursors.length] ?? '' }),
    },
    {
      title: 'listStudies, newest 100 of one customer',
      repeats: 300,
      budgetMs: QIDO_BUDGET_MS,
      run: (study) => list({ customers: [study.key.customer] }),
    },
    {
      title: 'listStudies by Patient ID',
      repeats: 1000,
      budgetMs: QIDO_BUDGET_MS,
      run: (study) => list({ text: study.patientId }),
    },
    {
      title: 'listStudies by Patient ID, one customer',
      repeats: 1000,
      budgetMs: QIDO_BUDGET_MS,
      run: (study) => list({ text: study.patientId, customers: [study.key.customer] }),
    },
    {
      title: 'listStudies by family name',
      repeats: 1000,
      budgetMs: QIDO_BUDGET_MS,
      run: (study) => list({ text: study.familyName }),
    },
    {
      title: 'listStudies by 3 letters of a name',
      repeats: 300,
      budgetMs: QIDO_BUDGET_MS,
      run: (study) => list({ text: study.familyName.slice(0, 3) }),
    },
    {
      title: 'listStudies by 1 letter of a name',
      repeats: 100,
      run: (study) => list({ text: study.familyName.slice(0, 1) }),
    },
    { title: 'listStudies, still receiving', repeats: 300, run: () => list({ state: 'receiving' }) },
    { title: 'listStudies, created at Avara', repeats: 300, run: () => list({ delivery: 'created' }) },
    {
      title: `listInstances, ${seriesOf500?.instances ?? 0} in 4 series`,
      repeats: 100,
      run: () => (seriesOf500 ? index.listInstances(seriesOf500.key).length : 0),
    },
    {
      title: `listInstances, ${large.instances} in 10 series`,
      repeats: 50,
      run: () => index.listInstances(large.key).length,
    },
    { title: 'listSeries of that study', repeats: 300, run: () => index.listSeries(large.key).length },
    { title: 'totals', repeats: 100, run: () => index.totals().studies },
    { title: 'receivingStudies', repeats: 100, run: () => index.receivingStudies().length },
  ];
}

/** Cursors of pages from the newest to the oldest studies. */
function cursorsOf(index: StudyIndex): string[] {
  const cursors: string[] = [];
  let cursor: string | undefined;
  do {
    ({ cursor } = index.listStudies({ limit: 100, ...(cursor === undefined ? {} : { cursor }) }));
    if (cursor !== undefined) cursors.push(cursor);
  } while (cursor !== undefined);
  return cursors;
}
