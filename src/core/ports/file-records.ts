import type { RejectionCode } from '../ingest/file-outcome.ts';
import type { CustomerKey, InstanceKey } from '../study/instance.ts';

/** What became of one file, or of one member of an archive. Names may hold patient data: never log them. */
export interface FileRecord {
  readonly customer: CustomerKey;
  readonly source: 'folder' | 'import';
  /** Where it lay, absolute; of a member: path of the archive, `!/`, its name in there. */
  readonly path: string;
  /** Tells whether the file under the path is still the same one, see `rememberedStamp` of the folder adapter. */
  readonly stamp: string;
  readonly bytes: number;
  /** `archive`: its members have records of their own. */
  readonly outcome: 'stored' | 'duplicate' | 'conflict' | 'archive' | 'quarantined';
  /** Of an object that was stored, or held already. */
  readonly key?: InstanceKey;
  readonly code?: RejectionCode;
  /** For people, without patient data. */
  readonly reason?: string;
  readonly quarantineId?: string;
  /** What was done with the file itself. */
  readonly place: 'kept' | 'removed' | 'moved' | 'quarantine';
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Remembers files, so that none is work twice and "where is my file?" has an answer. One record per path. */
export interface FileRecords {
  find(customer: CustomerKey, path: string): FileRecord | undefined;
  /** By last name component or its beginning, or by full path; upper and lower case are the same. Newest first. */
  lookUp(name: string, limit: number): readonly FileRecord[];
  /** Takes the place of an earlier record of the path. Resolves when committed. */
  record(record: FileRecord): Promise<void>;
  /** Drops records of files that are gone from their place, older than `at`. @returns how many. */
  forgetBefore(at: number): Promise<number>;
}
