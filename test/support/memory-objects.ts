import { createHash } from 'node:crypto';
import { StoreError } from '../../src/core/ports/instance-store.ts';
import type { InstanceStore, OpenedInstance } from '../../src/core/ports/instance-store.ts';
import type { RemovalRecord } from '../../src/core/ports/removals.ts';
import { customerKey, instanceKeyText, studyKeyText } from '../../src/core/study/instance.ts';
import type { InstanceKey, StudyKey } from '../../src/core/study/instance.ts';
import type { InstanceRecord } from '../../src/core/study/study.ts';
import { uid } from '../../src/dicom/uid.ts';

export interface MemoryObject {
  readonly customer?: string;
  readonly study?: string;
  readonly series?: string;
  readonly sop?: string;
  readonly content: Buffer;
}

/** Indexed objects in memory: the part of `StudyIndex` and `InstanceStore` that reading needs. */
export interface MemoryObjects {
  /** Indexes and stores an object. */
  add(object: MemoryObject): InstanceRecord;
  findInstance(key: InstanceKey): InstanceRecord | undefined;
  findRemovals(): readonly RemovalRecord[];
  readonly store: Pick<InstanceStore, 'open'>;
  /** Takes a study out of the index. */
  remove(key: StudyKey, removal: RemovalRecord): void;
  /** Replaces what is stored without telling the index; undefined: the file is gone. */
  tamper(key: InstanceKey, content: Buffer | undefined): void;
  /** Makes the next reads wait until the returned function is called. */
  holdReads(): () => void;
  /** Makes reads end at this byte, as if the file had been cut while it is open. */
  truncateReads(atByte: number): void;
  /** Objects opened and not closed. */
  readonly open: number;
  /** Bytes read so far. */
  readonly bytesRead: number;
  /** Resolves when the next object is closed. */
  closed(): Promise<void>;
}

export function createMemoryObjects(receivedAt = Date.UTC(2026, 0, 1)): MemoryObjects {
  const records = new Map<string, InstanceRecord>();
  const contents = new Map<string, Buffer>();
  const removals: RemovalRecord[] = [];
  let open = 0;
  let bytesRead = 0;
  let readableBytes = Infinity;
  let held: Promise<void> | undefined;
  const waiting: (() => void)[] = [];

  const openObject = (content: Buffer, bytes: number): OpenedInstance => {
    open += 1;
    return {
      bytes,
      async read(target, position) {
        await held;
        const bytes = content.copy(
          target,
          0,
          position,
          Math.max(position, Math.min(readableBytes, content.length)),
        );
        bytesRead += bytes;
        return bytes;
      },
      close() {
        open -= 1;
        for (const resolve of waiting.splice(0)) resolve();
        return Promise.resolve();
      },
    };
  };
  return {
    add({ customer = 'city-medical', study = '1.2.3', series = '1.2.3.4', sop = '1.2.3.4.5', content }) {
      const key = {
        customer: customerKey(customer),
        studyInstanceUid: uid(study),
        seriesInstanceUid: uid(series),
        sopInstanceUid: uid(sop),
      };
      const record: InstanceRecord = {
        key,
        sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
        transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
        fileBytes: content.length,
        dataSetOffset: 0,
        sha256: createHash('sha256').update(content).digest('hex'),
        receivedAt,
        image: {},
      };
      records.set(instanceKeyText(key), record);
      contents.set(instanceKeyText(key), content);
      return record;
    },
    findInstance: (key) => records.get(instanceKeyText(key)),
    findRemovals: () => [...removals],
    remove(key, removal) {
      for (const text of [...records.keys()])
        if (text.startsWith(`${studyKeyText(key)}/`)) records.delete(text);
      removals.push(removal);
    },
    store: {
      open(key) {
        const content = contents.get(instanceKeyText(key));
        if (content === undefined)
          return Promise.reject(new StoreError('not-found', 'open an object: ENOENT'));
        return Promise.resolve(openObject(content, content.length));
      },
    },
    tamper(key, content) {
      if (content === undefined) contents.delete(instanceKeyText(key));
      else contents.set(instanceKeyText(key), content);
    },
    holdReads() {
      let letGo = (): void => undefined;
      held = new Promise((resolve) => {
        letGo = resolve;
      });
      return () => letGo();
    },
    truncateReads(atByte) {
      readableBytes = atByte;
    },
    get open() {
      return open;
    },
    get bytesRead() {
      return bytesRead;
    },
    closed: () => new Promise((resolve) => void waiting.push(resolve)),
  };
}
