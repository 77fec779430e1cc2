import type { RejectionCode } from '../ingest/file-outcome.ts';
import type { CustomerKey } from '../study/instance.ts';
import type { FileRecord } from './file-records.ts';

/** Something that could not be stored, as `<id>.reason.json` says it. Paths may hold patient data: never log them. */
export interface QuarantineEntry {
  readonly id: string;
  readonly customer: CustomerKey;
  readonly source: 'folder' | 'import';
  readonly code: RejectionCode;
  /** For people, without patient data. */
  readonly reason: string;
  /** Where it came from, absolute. */
  readonly path: string;
  /** Its name in the archive at `path`. */
  readonly member?: string;
  readonly bytes: number;
  /** ISO 8601. */
  readonly quarantinedAt: string;
  /** How often it has been tried. */
  readonly attempts: number;
  /** Its file beside the reason; none where it stayed where it was. */
  readonly file?: string;
}

export interface FolderStatus {
  readonly path: string;
  readonly customer: CustomerKey;
  readonly state: 'starting' | 'watching' | 'polling' | 'missing' | 'paused' | 'stopped';
  /** Why, where it is `missing` or `paused`, or files are in trouble. */
  readonly detail?: string;
  readonly afterImport: 'delete' | 'move' | 'keep';
  /** Files seen and not yet taken or given up. */
  readonly waiting: number;
  /** Of these, how many wait because they cannot be read, or are stored and cannot be removed, or the like. */
  readonly inTrouble: number;
  /** Since the daemon started. */
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly quarantined: number;
  /** ISO 8601. */
  readonly lastTakenAt?: string;
}

/** What is known of a file that somebody asks for. */
export interface FileAnswer {
  /** What became of files of that name. */
  readonly records: readonly FileRecord[];
  readonly quarantined: readonly QuarantineEntry[];
  /** Files of that name that are still to be taken. */
  readonly waiting: readonly {
    readonly path: string;
    readonly customer: CustomerKey;
    readonly why: string;
  }[];
}

export interface ImportRequest {
  readonly customer: CustomerKey;
  /** Files and folders, absolute. */
  readonly paths: readonly string[];
  /** Only say what would be done. */
  readonly dryRun: boolean;
}

export interface ImportCounts {
  /** Files looked at so far, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Files and bytes found so far; grows while folders are still being listed. */
  readonly totalFiles: number;
  readonly totalBytes: number;
  /** Whether the totals are final. */
  readonly isListed: boolean;
  /** Objects: an archive may hold many. */
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly quarantined: number;
  /** Files taken by an earlier run and not changed since. */
  readonly alreadyDone: number;
  /** Files left alone by their name: hidden, unfinished, litter of operating systems. */
  readonly leftAlone: number;
}

/** What an import tells while it runs, in this order: any number of the others, then `end`. */
export type ImportEvent =
  | { readonly event: 'progress'; readonly counts: ImportCounts }
  | {
      readonly event: 'rejected';
      readonly path: string;
      readonly code: RejectionCode;
      readonly reason: string;
    }
  | { readonly event: 'waiting'; readonly reason: string }
  | {
      readonly event: 'end';
      readonly counts: ImportCounts;
      /** `stopped`: the rest was not looked at. */
      readonly result: 'done' | 'stopped';
      readonly reason?: string;
    };

/** Files as a way in: watched folders, imports, quarantine. */
export interface FileIntake {
  folders(): readonly FolderStatus[];
  readonly quarantinedCount: number;
  find(name: string): Promise<FileAnswer>;
  quarantined(limit: number, customer?: CustomerKey): Promise<readonly QuarantineEntry[]>;
  /**
   * Tries quarantined files again: one by its id, or all.
   * @param asIs also store what is cut off or damaged, as far as its UIDs can be read.
   */
  retryQuarantined(options: {
    readonly id?: string;
    readonly customer?: CustomerKey;
    readonly asIs: boolean;
  }): Promise<{ readonly tried: number; readonly stored: number }>;
  /** Takes files in. @param signal ends it after the files in work. */
  import(request: ImportRequest, signal: AbortSignal): AsyncIterable<ImportEvent>;
}
