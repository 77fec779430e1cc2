import type { DeliveryLoop } from '../avara/delivery-loop.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Outbox } from '../core/ports/outbox.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { Router } from '../core/routing/route.ts';
import type { StudySettler } from '../core/study/study-settler.ts';
import type { AdminOperations } from '../http/admin-operations.ts';
import type { FileKeyRing } from '../storage/key-ring.ts';
import type { AvaraSide } from './avara-side.ts';
import type { createDaemonStatus } from './daemon-status.ts';

export interface AdminOperationsOptions {
  readonly clock: Clock;
  readonly index: StudyIndex;
  readonly avara: Pick<AvaraSide, 'opener' | 'retryReports'>;
  readonly settler: StudySettler;
  readonly outbox: Outbox;
  readonly deliveries: DeliveryLoop;
  readonly keys: FileKeyRing;
  readonly status: ReturnType<typeof createDaemonStatus>;
  /** The router changes with a reload. */
  readonly routerNow: () => Router;
}

/** What an operator can have done, over the parts that do it. */
export function createAdminOperations(options: AdminOperationsOptions): AdminOperations {
  const { clock, index, avara, settler, outbox, deliveries, keys, status, routerNow } = options;
  /** A retry is a request to try now: also a refused key is asked again at once. */
  const retried = (count: number): number => {
    deliveries.probeNow();
    deliveries.wake();
    return count;
  };
  return {
    readiness: () => status.readiness(),
    status: () => status.status(),
    async completeStudy(key) {
      await settler.complete(key);
    },
    retryStudy: async (key) => retried(await outbox.retry(key, clock.now())),
    retryAll: async (customer) => retried(await outbox.retryAll(customer, clock.now())),
    async cancelStudy(key, product, isCancelled) {
      const wish = isCancelled ? 'cancel' : 'uncancel';
      return retried(await outbox.wish(key, product, wish, clock.now()));
    },
    openStudy: (question) => avara.opener.open(question),
    retryReports: () => avara.retryReports(),
    async correctStudy(key) {
      const corrected = await index.acceptDisagreements(key, clock.now());
      deliveries.wake();
      return corrected;
    },
    explainRoute({ calledAe, callingAe, from }) {
      const request = { calledAeTitle: calledAe, callingAeTitle: callingAe ?? '', peerAddress: from };
      return { decision: routerNow().decide(request), rules: routerNow().explain(request) };
    },
    rotateKeys: () => keys.rotate(),
  };
}
