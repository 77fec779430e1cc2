import type { Product, StudyRecord } from '../study/study.ts';
import { finding } from './finding.ts';
import type { ProofRun } from './proof-run.ts';

/** Calls in vain to Avara for one customer, after which it is not asked any more in this run. */
const MAX_FAILURES = 3;

/** Looks whether a study is where it should be: a delivery per product, and at Avara under the right customer. */
export async function checkAnnouncement(run: ProofRun, study: StudyRecord, instances: number): Promise<void> {
  const { waiting } = run.tally;
  if (study.state === 'receiving') {
    waiting.receiving += instances;
    return;
  }
  const { key, deliveries } = study;
  const products = run.parts.productsOf(key.customer);
  if (products === undefined) {
    const detail = 'the customer of the study is not in the configuration: it goes nowhere';
    await run.report(finding('customer-not-configured', key, { detail }));
  }
  const missing = (products ?? []).filter((product) => !deliveries.some((one) => one.product === product));
  for (const product of missing) await reportMissing(run, study, product);
  for (const { product, state, lastError } of deliveries) {
    if (state !== 'attention') continue;
    const detail = lastError ?? 'needs attention';
    await run.report(
      finding('delivery-attention', key, {
        product,
        detail,
        remedy: 'see "Attention" in docs/operations.md',
      }),
    );
  }
  if (deliveries.some(({ state }) => state === 'attention')) waiting.attention += instances;
  else if (missing.length > 0) waiting[run.request.repair ? 'pending' : 'missing'] += instances;
  else if (deliveries.some(({ state }) => state === 'pending')) waiting.pending += instances;
  else if (deliveries.length === 0) waiting.missing += instances;
  else run.tally.announced += instances;
  if (!run.request.offline && products !== undefined) await askAvara(run, study);
}

async function reportMissing(run: ProofRun, study: StudyRecord, product: Product): Promise<void> {
  const { proof, clock } = run.parts;
  const detail = `the study is stable and was never announced to ${product}`;
  const isAdded = run.request.repair && (await proof.addEntry(study.key, product, clock.now()));
  await run.report(
    finding(
      'not-announced',
      study.key,
      isAdded
        ? { product, detail, repaired: 'put into the outbox' }
        : { product, detail, remedy: '--repair puts it into the outbox; so does a restart of the daemon' },
    ),
  );
}

async function askAvara(run: ProofRun, study: StudyRecord): Promise<void> {
  const { gateway } = run.parts;
  const { key } = study;
  for (const { product, studyId, state } of study.deliveries) {
    if (studyId === undefined || state === 'attention') continue;
    if ((run.failuresAtAvara.get(key.customer) ?? 0) >= MAX_FAILURES) return;
    const answer = await gateway.find(study, product);
    if (!answer.ok) {
      const failures = (run.failuresAtAvara.get(key.customer) ?? 0) + 1;
      run.failuresAtAvara.set(key.customer, failures);
      const rest = failures >= MAX_FAILURES ? '; the other studies of the customer are not asked for' : '';
      const detail = `Avara could not be asked: ${answer.message}${rest}`;
      await run.report(finding('avara-not-asked', key, { product, detail }));
      continue;
    }
    run.failuresAtAvara.delete(key.customer);
    const there = answer.value;
    const expected = gateway.expectedExpressCustomerId(study);
    if (there === undefined) {
      const detail = `Avara has no study of this UID that the API key can see; it was announced as ${studyId}`;
      await run.report(finding('avara-missing', key, { product, detail }));
      continue;
    }
    if (there.expressCustomerId !== expected) {
      const whose = there.expressCustomerId ?? 'no Express customer';
      const detail = `Avara has the study as ${there.studyId} under ${whose} instead of ${expected}`;
      const remedy = 'find out whose study it is before anything else; correct it at Avara';
      await run.report(finding('avara-other-customer', key, { product, detail, remedy }));
    }
    if (there.studyId !== studyId) {
      const detail = `Avara gives ${there.studyId} for this UID; it was announced as ${studyId}`;
      await run.report(finding('avara-other-study', key, { product, detail }));
    }
  }
}
