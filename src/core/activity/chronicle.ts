import type { IntakeObserver } from '../ingest/create-intake.ts';
import type { AuditTrail } from '../ports/audit-trail.ts';
import type { Clock } from '../ports/clock.ts';
import type { DiskHistory } from '../ports/disk-history.ts';
import type { Logger } from '../ports/logger.ts';
import type { RefusedSenders, SenderRefusal, SenderRefusals } from '../ports/refused-senders.ts';
import type { SenderActivity, SenderDelivery } from '../ports/sender-activity.ts';
import type { StudyEvents, StudyHappening } from '../ports/study-events.ts';
import { parseUid } from '../../dicom/uid.ts';
import { createBatch } from './batch.ts';
import { IntakeRateMeter, type IntakeRate } from './intake-rate.ts';
import { LEARNING_HOURS } from './silence.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Often enough that no hour goes without a sample. */
const UPKEEP_INTERVAL_MS = 20 * 60_000;
const KEEP_SENDER_MS = 400 * DAY_MS;
const KEEP_REFUSAL_MS = 30 * DAY_MS;
const KEEP_DISK_MS = 60 * DAY_MS;

export interface ChronicleOptions {
  readonly studyEvents: Pick<StudyEvents, 'add'>;
  readonly senderActivity: Pick<SenderActivity, 'add' | 'prune'>;
  readonly refusedSenders: Pick<RefusedSenders, 'add' | 'prune'>;
  readonly diskHistory: Pick<DiskHistory, 'add' | 'prune'>;
  readonly freeSpace: () => { readonly freeBytes: number; readonly totalBytes: number };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the status page tells of the past, taken down as it happens. */
export interface Chronicle extends IntakeObserver {
  /** The audit trail, of which what concerns a study is taken down for its timeline as well. */
  auditing(audit: AuditTrail): AuditTrail;
  refused(refusal: SenderRefusal): void;
  rate(): IntakeRate;
  /** Rises with everything that is new to see, once it can be read; files that are handed out do not count. */
  readonly mark: number;
  /** Samples the disk and removes what is old, from now on. */
  start(): void;
  /** Writes what is held. */
  stop(): Promise<void>;
}

/** Gathers in memory and writes once a second: nothing that comes in or goes out waits for it. */
export function createChronicle(options: ChronicleOptions): Chronicle {
  const { studyEvents, senderActivity, refusedSenders, diskHistory, freeSpace, clock, logger } = options;
  const meter = new IntakeRateMeter();
  const shared = { clock, logger };
  const happenings = createBatch<StudyHappening>({
    ...shared,
    what: 'events of studies',
    write: async (values) => {
      await studyEvents.add(values);
      if (values.some(({ event }) => event !== 'object.served')) mark += 1;
    },
  });
  const deliveries = createBatch<SenderDelivery>({
    ...shared,
    what: 'statistics of senders',
    write: (values) => senderActivity.add(values),
  });
  const refusals = createBatch<SenderRefusals>({
    ...shared,
    what: 'refused senders',
    maxValues: 500,
    write: async (values) => {
      await refusedSenders.add(values);
      mark += 1;
    },
  });
  let mark = 0;
  let cancelUpkeep: (() => void) | undefined;
  let isFailing = false;

  const happened = (happening: StudyHappening): void => {
    const { study, event, actor, firstAt } = happening;
    const hour = Math.floor(firstAt / HOUR_MS);
    const key = [study.customer, study.studyInstanceUid, event, actor, hour].join('\n');
    happenings.add(key, happening, mergeHappenings);
  };

  async function upkeep(): Promise<void> {
    const now = clock.now();
    const { freeBytes, totalBytes } = freeSpace();
    try {
      await diskHistory.add({ at: now, freeBytes, totalBytes });
      await diskHistory.prune(now - KEEP_DISK_MS);
      await senderActivity.prune(Math.floor(now / HOUR_MS) - LEARNING_HOURS, now - KEEP_SENDER_MS);
      await refusedSenders.prune(now - KEEP_REFUSAL_MS);
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.warn({ err: error }, 'samples of the disk cannot be written for now');
      isFailing = true;
    }
  }
  const schedule = (): void => {
    cancelUpkeep = clock.after(UPKEEP_INTERVAL_MS, () => {
      void upkeep();
      schedule();
    });
  };

  return {
    instanceHandled(origin, outcome, bytes, receivedAt) {
      if (outcome.kind !== 'stored') return;
      meter.count(receivedAt, bytes);
      const { customer, source, callingAeTitle = '', calledAeTitle = '', peerAddress = '' } = origin;
      const times = { firstAt: receivedAt, lastAt: receivedAt };
      deliveries.add(
        [customer, source, callingAeTitle, calledAeTitle, Math.floor(receivedAt / HOUR_MS)].join('\n'),
        { customer, source, callingAeTitle, calledAeTitle, peerAddress, ...times, instances: 1, bytes },
        mergeDeliveries,
      );
      happened({
        study: outcome.key,
        event: 'study.received',
        actor: callingAeTitle === '' ? source : callingAeTitle,
        ...times,
        count: 1,
        ...(peerAddress !== '' && { peerAddress }),
      });
    },
    intakeEnded: () => undefined,
    auditing: (audit) => ({
      record(entry) {
        audit.record(entry);
        const { event, customer, actor = '', detail, peerAddress } = entry;
        const studyInstanceUid = parseUid(entry.studyInstanceUid ?? '');
        if (customer === undefined || studyInstanceUid === undefined) return;
        const at = clock.now();
        happened({
          study: { customer, studyInstanceUid },
          event,
          actor,
          firstAt: at,
          lastAt: at,
          count: 1,
          ...(detail !== undefined && { detail }),
          ...(peerAddress !== undefined && { peerAddress }),
        });
      },
    }),
    refused({ at, ...refusal }) {
      const { callingAeTitle, calledAeTitle, peerAddress, reason } = refusal;
      refusals.add(
        [callingAeTitle, calledAeTitle, peerAddress, reason].join('\n'),
        { ...refusal, firstAt: at, lastAt: at, attempts: 1 },
        (held, value) => ({ ...value, firstAt: held.firstAt, attempts: held.attempts + 1 }),
      );
    },
    rate: () => meter.rate(clock.now()),
    get mark() {
      return mark;
    },
    start() {
      void upkeep();
      schedule();
    },
    async stop() {
      cancelUpkeep?.();
      await Promise.all([happenings.flush(), deliveries.flush(), refusals.flush()]);
    },
  };
}

function mergeHappenings(held: StudyHappening, value: StudyHappening): StudyHappening {
  return { ...held, ...value, firstAt: held.firstAt, count: held.count + value.count };
}

function mergeDeliveries(held: SenderDelivery, value: SenderDelivery): SenderDelivery {
  return {
    ...value,
    firstAt: held.firstAt,
    instances: held.instances + value.instances,
    bytes: held.bytes + value.bytes,
  };
}
