import fs from 'node:fs';

import type { PeerTls } from '../../dimse/scu/peer-tls.ts';
import { AssociationError, storeObjects } from '../../dimse/scu/store-scu.ts';
import type { ObjectToSend } from '../../dimse/scu/store-scu.ts';
import { describeStoreStatus } from '../../dimse/scu/store-status.ts';
import type { TlsProblem } from '../../dimse/scu/tls-failure.ts';
import { cutBatches } from './batches.ts';
import type { SendableFile } from './find-files.ts';

export interface SendOptions {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly timeoutMs: number;
  /** How many Associations at the same time, at least 1. */
  readonly associations: number;
  readonly files: readonly SendableFile[];
  /** A file has come to its end, one way or another. */
  readonly onDone: (outcome: SendOutcome) => void;
}

/** What became of one file. */
export interface SendOutcome {
  readonly file: SendableFile;
  /**
   * `sent`: the peer has it; `refused`: it answered with a failure; `not-accepted`: it takes no such objects in this
   * Transfer Syntax; `unreadable`: the file could not be read when its turn came; `unsent`: the Association was not made
   * or was lost.
   */
  readonly kind: 'sent' | 'refused' | 'not-accepted' | 'unreadable' | 'unsent';
  /** Why, or the Status of a warning; undefined for a plain Success. */
  readonly reason?: string;
}

/** Why nothing could be sent at all. */
export type SendFailure =
  | { readonly reason: 'unreachable' | 'rejected'; readonly message: string }
  | { readonly reason: 'tls'; readonly problem: TlsProblem; readonly message: string };

interface FileToSend extends ObjectToSend {
  readonly file: SendableFile;
}

/**
 * Sends files over parallel Associations. One that is lost is made again as long as each brings some objects across; one
 * that the peer does not take, for want of room for instance, leaves its files to the others.
 * @returns why the peer could not be talked to, where that ended the sending.
 */
export async function sendFiles(options: SendOptions): Promise<SendFailure | undefined> {
  const { files, associations, ...target } = options;
  const batches = cutBatches(files, associations).map((batch) => new Set(batch));
  let outcomes = 0;
  const onDone = (outcome: SendOutcome): void => {
    outcomes += 1;
    options.onDone(outcome);
  };

  /** @throws AssociationError */
  async function sendOnce(left: Set<SendableFile>): Promise<void> {
    const finish = (file: SendableFile, kind: SendOutcome['kind'], reason?: string): void => {
      left.delete(file);
      onDone({ file, kind, ...(reason !== undefined && { reason }) });
    };
    const objects = [...left].map((file) =>
      objectOf(file, (cause) => finish(file, 'unreadable', errorText(cause))),
    );
    const unsent = await storeObjects({
      ...target,
      objects,
      onResponse({ file }, status, comment) {
        const { kind, text } = describeStoreStatus(status);
        const reason = comment === '' ? text : `${text}: ${comment}`;
        if (kind === 'refused') finish(file, 'refused', reason);
        else finish(file, 'sent', kind === 'warning' ? reason : undefined);
      },
    });
    for (const { file } of unsent) {
      finish(file, 'not-accepted', 'the peer does not take its SOP Class in its Transfer Syntax');
    }
  }

  /** @returns why the peer takes no Association of this sender. */
  async function sendBatch(left: Set<SendableFile>): Promise<SendFailure | undefined> {
    while (left.size > 0) {
      const before = left.size;
      try {
        await sendOnce(left);
      } catch (error) {
        if (!(error instanceof AssociationError)) throw error;
        const failure = failureOf(error);
        if (failure !== undefined) {
          batches.push(left);
          return failure;
        }
        if (left.size < before) continue;
        for (const file of left) onDone({ file, kind: 'unsent', reason: error.message });
        return undefined;
      }
    }
    return undefined;
  }

  async function work(): Promise<SendFailure | undefined> {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const failure = await sendBatch(batch);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  for (let senders = associations; ; senders = 1) {
    const outcomesBefore = outcomes;
    const failures = await Promise.all(Array.from({ length: senders }, work));
    if (batches.length === 0) return undefined;
    // What is left was turned away while others were sending: there may be room now that they are done.
    if (outcomes > outcomesBefore) continue;
    const failure = failures.find((one) => one !== undefined);
    const reason = failure?.message ?? 'no Association was made for it';
    for (const file of batches.flatMap((batch) => [...batch])) onDone({ file, kind: 'unsent', reason });
    return failure;
  }
}

/** @returns undefined for an Association that was made, and then lost. */
function failureOf({ reason, tlsProblem, message }: AssociationError): SendFailure | undefined {
  if (tlsProblem !== undefined) return { reason: 'tls', problem: tlsProblem, message };
  return reason === 'rejected' || reason === 'unreachable' ? { reason, message } : undefined;
}

function objectOf(file: SendableFile, onUnreadable: (cause: unknown) => void): FileToSend {
  const { sopClassUid, sopInstanceUid, transferSyntaxUid, bytes } = file;
  return {
    file,
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid,
    bytes,
    readDataSet() {
      try {
        return readDataSet(file);
      } catch (error) {
        onUnreadable(error);
        throw error;
      }
    },
  };
}

/** The file's bytes after its File Meta Information. @throws Error where the file is not what it was when looked at. */
function readDataSet({ path, offset, bytes }: SendableFile): Buffer {
  const descriptor = fs.openSync(path, 'r');
  try {
    const dataSet = Buffer.allocUnsafe(bytes);
    let read = 0;
    while (read < bytes) {
      const more = fs.readSync(descriptor, dataSet, read, bytes - read, offset + read);
      if (more === 0) throw new Error('became shorter while it was being sent');
      read += more;
    }
    return dataSet;
  } finally {
    fs.closeSync(descriptor);
  }
}

function errorText(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === undefined ? message : `could not be read (${code})`;
}
