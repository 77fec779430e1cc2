import type { DataSetIntegrity } from '../../dicom/part10/data-set-scan.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import type { Clock } from '../ports/clock.ts';
import type { InstanceStore, StagedInstance } from '../ports/instance-store.ts';
import { StoreError } from '../ports/instance-store.ts';
import type { IngestOutcome, InstanceRefused, Reception, RefusalCode } from '../ports/intake.ts';
import type { Logger } from '../ports/logger.ts';
import type { PreparedWrite, StoredInstance, StudyIndex } from '../ports/study-index.ts';
import type { InstanceHeader } from '../study/header.ts';
import {
  type DeclaredInstance,
  type InstanceKey,
  type InstanceOrigin,
  instanceKeyText,
} from '../study/instance.ts';
import { HeaderReader } from './header-reader.ts';
import { inspectObject } from './inspect-object.ts';
import { type AcceptableDataSet, judgeDataSet, refused } from './judge-data-set.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import type { StagingReleaser } from './staging-releaser.ts';
import type { StudyGate } from './study-gate.ts';

export interface ReceptionContext {
  readonly store: InstanceStore;
  readonly index: StudyIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly releaser: StagingReleaser;
  /** Serialises receptions of the same key. */
  readonly inFlight: KeyedQueue;
  /** Keeps receptions out of a study that is being taken out of its place. */
  readonly gate: StudyGate;
  readonly onOutcome: (
    origin: InstanceOrigin,
    outcome: IngestOutcome,
    bytes: number,
    receivedAt: number,
  ) => void;
}

/**
 * Takes one instance in: bytes to the staging file while header and digest are read off them, then identity, duplicate
 * and conflict rules, durable commit, index. The order is design invariant 1's: bytes durable, index, acknowledgement.
 */
export class InstanceReception implements Reception {
  readonly #context: ReceptionContext;
  readonly #origin: InstanceOrigin;
  readonly #declared: DeclaredInstance;
  readonly #staged: StagedInstance;
  readonly #header: HeaderReader;
  readonly #dataSetOffset: number;

  /** @throws RangeError where neither File Meta Information nor both UIDs were declared. */
  constructor(context: ReceptionContext, origin: InstanceOrigin, declared: DeclaredInstance) {
    this.#context = context;
    this.#origin = origin;
    this.#declared = declared;
    const fileMeta = declared.fileMeta ?? fileMetaOf(origin, declared);
    this.#dataSetOffset = fileMeta.length;
    this.#header = new HeaderReader(declared.transferSyntaxUid);
    this.#staged = context.store.stage(origin.customer, origin.source, fileMeta);
  }

  write(bytes: Buffer): Promise<void> | undefined {
    this.#header.write(bytes);
    return this.#staged.write(bytes);
  }

  async abort(): Promise<void> {
    await this.#discard();
  }

  async finish(): Promise<IngestOutcome> {
    const receivedAt = this.#context.clock.now();
    let outcome: IngestOutcome;
    try {
      outcome = await this.#decide(receivedAt);
    } catch (error) {
      outcome = this.#failed(error);
    }
    if (outcome.kind === 'refused' || outcome.kind === 'duplicate') await this.#discard();
    this.#context.onOutcome(this.#origin, outcome, this.#staged.bytes - this.#dataSetOffset, receivedAt);
    return outcome;
  }

  async #decide(receivedAt: number): Promise<IngestOutcome> {
    this.#staged.end();
    const scan = await this.#header.end();
    const judged = judgeDataSet(this.#origin.customer, this.#declared, scan);
    if (judged.kind === 'refused') return judged;
    const { key } = judged;
    const { gate, inFlight } = this.#context;
    return gate.enter(key, () =>
      inFlight.run(instanceKeyText(key), () => this.#keep(judged, scan.integrity, receivedAt)),
    );
  }

  async #keep(
    { key, describe }: AcceptableDataSet,
    integrity: DataSetIntegrity,
    receivedAt: number,
  ): Promise<IngestOutcome> {
    const { index } = this.#context;
    const known = index.findInstance(key);
    let header: InstanceHeader | undefined;
    const described = (sha256: string): StoredInstance => ({
      key,
      header: (header ??= describe()),
      origin: this.#origin,
      transferSyntaxUid: this.#declared.transferSyntaxUid,
      fileBytes: this.#staged.bytes,
      dataSetOffset: this.#dataSetOffset,
      sha256,
      receivedAt,
      integrity,
    });
    if (known !== undefined) {
      const sha256 = await this.#staged.digest();
      if (known.sha256 !== sha256) return this.#keepApart(described(sha256));
      if (await this.#isOnDisk(key, known.fileBytes)) return { kind: 'duplicate', key };
    }
    const ahead: { row?: PreparedWrite | undefined } = {};
    const preparing = [
      (sha256: string) => void attempt(() => described(sha256)),
      (sha256: string) => void (ahead.row = attempt(() => index.prepareInstance(described(sha256)))),
    ];
    const { kind, sha256 } = await this.#staged
      .commit(key, known === undefined ? preparing : [])
      .catch((error: unknown) => {
        ahead.row?.cancel();
        throw error;
      });
    if (kind === 'exists') {
      ahead.row?.cancel();
      return this.#meetExisting(described(sha256));
    }
    // Known but gone from disk: these bytes are the same, so the object is whole again and its row already stands.
    if (known === undefined) await (ahead.row?.commit() ?? index.addInstance(described(sha256)));
    this.#context.releaser.add(this.#staged.stagingName);
    return { kind: 'stored', key };
  }

  /** A file lies under the key though the index knew of none: it was stored by a run whose index was lost. */
  async #meetExisting(instance: StoredInstance): Promise<IngestOutcome> {
    const { store, index } = this.#context;
    const opened = await store.open(instance.key);
    try {
      const existing = await inspectObject(opened);
      if (existing?.sha256 !== instance.sha256) return await this.#keepApart(instance);
      await index.addInstance({
        ...instance,
        transferSyntaxUid: existing.meta.transferSyntaxUid ?? instance.transferSyntaxUid,
        fileBytes: opened.bytes,
        dataSetOffset: existing.meta.dataSetOffset,
      });
      return { kind: 'duplicate', key: instance.key };
    } finally {
      await opened.close();
    }
  }

  async #keepApart({ key, sha256, fileBytes, receivedAt }: StoredInstance): Promise<IngestOutcome> {
    const { index, releaser, logger } = this.#context;
    const path = await this.#staged.keepApart(key, sha256);
    await index.addConflict({ key, sha256, fileBytes, receivedAt, path, origin: this.#origin });
    releaser.add(this.#staged.stagingName);
    logger.warn(
      { ...key, sha256, path },
      'same SOP Instance UID with other bytes: kept apart, the first is served',
    );
    return { kind: 'conflict', key };
  }

  async #isOnDisk(key: InstanceKey, fileBytes: number): Promise<boolean> {
    try {
      const opened = await this.#context.store.open(key);
      await opened.close();
      return opened.bytes === fileBytes;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'not-found') return false;
      throw error;
    }
  }

  #failed(error: unknown): InstanceRefused {
    const { logger } = this.#context;
    const code: RefusalCode =
      error instanceof StoreError && error.code === 'out-of-resources'
        ? 'out-of-resources'
        : 'processing-failure';
    logger.error({ err: error, code, customer: this.#origin.customer }, 'an instance could not be stored');
    return refused(
      code,
      code === 'out-of-resources' ? 'Storage is full or failing, try again' : 'Internal error, try again',
    );
  }

  async #discard(): Promise<void> {
    try {
      await this.#staged.discard();
    } catch (error) {
      // Not the sender's concern, and start-up clears what is left.
      this.#context.logger.warn(
        { err: error, file: this.#staged.stagingName },
        'a staging file could not be removed',
      );
    }
  }
}

/** While an object is on its way into its place: what is wrong here comes out when its row is written after that. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function fileMetaOf(origin: InstanceOrigin, declared: DeclaredInstance): Buffer {
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = declared;
  if (sopClassUid === undefined || sopInstanceUid === undefined) {
    throw new RangeError(
      'an intake must declare either File Meta Information or SOP Class and Instance UIDs',
    );
  }
  return writeFileMeta({
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid,
    callingAeTitle: origin.callingAeTitle,
    calledAeTitle: origin.calledAeTitle,
  });
}
