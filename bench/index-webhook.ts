import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { createWebhookReceiver } from '../src/avara/webhooks/webhook-receiver.ts';
import { createObjectUrls } from '../src/core/access/object-urls.ts';
import type { StudyIndex } from '../src/core/ports/study-index.ts';
import { createLogger } from '../src/observability/logger.ts';
import { createSystemClock } from '../src/platform/clock.ts';
import { openAuditLog } from '../src/storage/audit-log.ts';
import { signedWebhook } from '../test/support/signed-webhook.ts';
import type { PopulationStudy } from './index-population.ts';
import { summarize, type Latency } from './statistics.ts';

const SECRET = 'whsec_YmVuY2gtd2ViaG9vay1zZWNyZXQ=';
const REPEATS = 100;

/**
 * Times the answer to `study.access_requested` from the signed bytes to those of the answer, with a real audit trail and log:
 * when a study is opened for the first time, and again.
 * @param folder for the audit trail.
 */
export async function measureWebhook(
  index: StudyIndex,
  study: PopulationStudy,
  folder: string,
): Promise<{ first: Latency; again: Latency; answerBytes: number }> {
  const clock = createSystemClock();
  const logger = createLogger({ destination: { write: () => undefined } });
  const audit = await openAuditLog({ folder: path.join(folder, 'audit'), clock, logger });
  const signingKey = { id: 'bench', secret: randomBytes(32), createdAt: clock.now() };
  const createReceiver = (over: StudyIndex) =>
    createWebhookReceiver({
      secrets: new Map([[study.key.customer, [SECRET]]]),
      index: over,
      objectUrls: createObjectUrls({
        publicUrl: 'https://images.example.org',
        keys: { current: () => signingKey, find: () => signingKey },
        clock,
        lifetimeSeconds: 3600,
      }),
      audit,
      clock,
      logger,
    });
  const studyId = index.findStudy(study.key)?.deliveries[0]?.studyId ?? 'stu_unknown';
  let answerBytes = 0;
  let turns = 0;
  const time = async (receiver: ReturnType<typeof createReceiver>): Promise<number> => {
    turns += 1;
    const request = signedWebhook({
      secret: SECRET,
      sentAt: clock.now(),
      event: {
        id: `evt_${1000 + turns}`,
        type: 'study.access_requested',
        data: { studyId, studyInstanceUid: study.key.studyInstanceUid },
      },
    });
    const startedAt = performance.now();
    const { status, body } = await receiver.receive(request);
    const answer = body instanceof Buffer ? body : Buffer.from(JSON.stringify(body));
    const duration = performance.now() - startedAt;
    // Read once only: what reading throws away would be cleared up while the next answers are timed.
    if (turns === 1) expectWholeAnswer(status, JSON.parse(answer.toString()), study.instances);
    if (turns > 1 && (status !== 200 || answer.length !== answerBytes))
      throw new Error(`the webhook was answered with ${status} and ${answer.length} bytes`);
    answerBytes = answer.length;
    return duration;
  };
  const first: number[] = [];
  const again: number[] = [];
  for (let turn = -10; turn < REPEATS; turn += 1) {
    // What is remembered of a study is remembered per index.
    const receiver = createReceiver({ ...index });
    const durations = [await time(receiver), await time(receiver)] as const;
    if (turn < 0) continue;
    first.push(durations[0]);
    again.push(durations[1]);
  }
  await audit.close();
  return { first: summarize(first), again: summarize(again), answerBytes };
}

/** @throws Error where the answer is not the one that was to be timed. */
function expectWholeAnswer(status: number, body: unknown, instances: number): void {
  const { urls, manifest } = body as {
    urls?: unknown[];
    manifest?: { series: { sops: unknown[] }[] };
  };
  const described = manifest?.series.reduce((sum, { sops }) => sum + sops.length, 0);
  if (status !== 200 || urls?.length !== instances || described !== instances) {
    throw new Error(
      `the webhook was answered with ${status}, ${urls?.length} URLs, ${described} in the manifest`,
    );
  }
}
