import path from 'node:path';

import { type CustomerKey, type InstanceKey, parseCustomerKey, type Source } from '../core/study/instance.ts';

/**
 * Where things lie in the data folder. Every name is made from a validated UID or customer key (digits, dots, lower-case
 * letters, `-`, `_`), so no input can point outside.
 */
export interface DataLayout {
  readonly root: string;
  readonly objects: string;
  readonly conflicts: string;
  /** Staging files; same file system as `objects`, because they are hard-linked there. */
  readonly incoming: string;
  /** Folders of studies that were removed, until their files are deleted; same file system as `objects`. */
  readonly removed: string;
}

/** @param dataDir absolute path of the data folder. */
export function dataLayout(dataDir: string): DataLayout {
  return {
    root: dataDir,
    objects: path.join(dataDir, 'objects'),
    conflicts: path.join(dataDir, 'conflicts'),
    incoming: path.join(dataDir, 'incoming'),
    removed: path.join(dataDir, 'removed'),
  };
}

/** `<customer>/<study>/<series>` */
export function seriesFolder(key: InstanceKey): string {
  return `${key.customer}/${key.studyInstanceUid}/${key.seriesInstanceUid}`;
}

/** `<customer>/<study>/<series>/<sop>.dcm` */
export function objectPath(key: InstanceKey): string {
  return `${seriesFolder(key)}/${key.sopInstanceUid}.dcm`;
}

/** `<sop>.<first 16 hex digits of the digest>.dcm`: several conflicting objects of one key lie side by side. */
export function conflictFileName(key: InstanceKey, sha256: string): string {
  return `${key.sopInstanceUid}.${sha256.slice(0, 16)}.dcm`;
}

const STAGING_NAME = /^([a-z0-9_-]+)\.(dimse|folder|stow|import)\.[0-9a-z]+\.(?:part|([0-9a-f]{64})\.done)$/;

/** `<customer>.<source>.<id>.part`: being written. */
export function partialName(customer: CustomerKey, source: Source, id: string): string {
  return `${customer}.${source}.${id}.part`;
}

/** `<customer>.<source>.<id>.<sha256>.done`: written, and what its Data Set must come to. */
export function doneName(partial: string, sha256: string): string {
  return `${partial.slice(0, -'.part'.length)}.${sha256}.done`;
}

export interface StagingName {
  readonly customer: CustomerKey;
  readonly source: Source;
  /** Of the Data Set; absent while it is being written. */
  readonly sha256?: string;
}

/** Reads a name made by {@link partialName} or {@link doneName}; undefined for any other file. */
export function parseStagingName(name: string): StagingName | undefined {
  const match = STAGING_NAME.exec(name);
  const customer = parseCustomerKey(match?.[1] ?? '');
  if (!match || !customer) return undefined;
  return { customer, source: match[2] as Source, ...(match[3] !== undefined && { sha256: match[3] }) };
}
