import fs from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { type ObjectOutcome, rejected, type Rejection } from '../core/ingest/file-outcome.ts';
import { SourceReader } from '../core/ingest/source-reader.ts';
import { takeObject } from '../core/ingest/take-object.ts';
import { type ByteSource, SourceError } from '../core/ports/byte-source.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { InstanceOrigin } from '../core/study/instance.ts';
import { isLitter } from './file-names.ts';
import { describeMediaDirectory } from './media-directory.ts';
import { SourceFile } from './source-file.ts';
import { gunzipped, MAX_ARCHIVE_DEPTH, type UnpackBounds, UnpackBudget, zipMembers } from './unpack.ts';

/** What became of one member of an archive. */
export interface TakenMember {
  /** Its name in the archive; of a nested one: `inner.zip!/name`. */
  readonly name: string;
  readonly bytes: number;
  readonly outcome: Extract<ObjectOutcome, { key: unknown }> | Rejection;
  /** Its bytes, for keeping what could not be stored. */
  readonly source: ByteSource;
}

export interface TakeFileOptions {
  readonly intake: Intake;
  readonly origin: InstanceOrigin;
  readonly file: SourceFile;
  /** For archives inside archives, which must be unpacked to be read. */
  readonly scratchFolder: string;
  /** Also what is cut off or damaged, as far as it has its UIDs. */
  readonly asIs?: boolean;
  readonly bounds?: UnpackBounds;
  /** Where an archive was interrupted: so many of its members are done with. Kept up to date. */
  readonly progress?: { members: number };
  /** Ends the work on an archive between two members; the verdict is `postponed` then. */
  readonly signal?: AbortSignal;
  /** Awaited before the next member is read. */
  readonly onMember: (member: TakenMember) => Promise<void>;
}

export type FileVerdict =
  | ObjectOutcome
  /** Each member was told of. */
  | { readonly kind: 'archive'; readonly members: number };

interface Taking extends TakeFileOptions {
  readonly budget: UnpackBudget;
}

/**
 * Takes in whatever a file holds: one object, one object compressed with gzip, or the members of a ZIP archive. What is in
 * the file decides, not its name. Never throws for what is wrong with the file.
 */
export async function takeFile(options: TakeFileOptions): Promise<FileVerdict> {
  const { file, bounds } = options;
  const taking = { ...options, budget: new UnpackBudget(file.stamp.bytes, bounds) };
  try {
    return await takeSource(taking, file, file, 0, '');
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    if (!(await file.isUnchanged())) return { kind: 'changed' };
    return rejectionOf(error);
  }
}

/**
 * @param file holds the source's bytes as they are, where there is such a file.
 * @param prefix of member names.
 */
async function takeSource(
  taking: Taking,
  source: ByteSource,
  file: SourceFile | undefined,
  depth: number,
  prefix: string,
): Promise<FileVerdict> {
  const reader = await SourceReader.open(source);
  try {
    const { kind } = reader.kind;
    if ((kind === 'zip' || kind === 'gzip') && depth >= MAX_ARCHIVE_DEPTH)
      return rejected('archive-too-large', 'Archives are nested too deeply in it.');
    if (kind === 'gzip') {
      return await takeSource(taking, gunzipped(source, taking.budget), undefined, depth + 1, prefix);
    }
    if (kind === 'zip') return await takeZip(taking, source, file, depth, prefix);
    if (kind === 'media-directory' && file !== undefined)
      return rejected('media-directory', await describeMediaDirectory(file));
    const { intake, origin, asIs } = taking;
    return await takeObject({
      intake,
      origin,
      reader,
      ...(asIs === true && { asIs }),
      isUnchanged: () => taking.file.isUnchanged(),
    });
  } finally {
    await reader.close();
  }
}

async function takeZip(
  taking: Taking,
  source: ByteSource,
  file: SourceFile | undefined,
  depth: number,
  prefix: string,
): Promise<FileVerdict> {
  const unpacked = file ?? (await spool(source, taking.scratchFolder));
  try {
    const progress = (depth === 0 ? taking.progress : undefined) ?? { members: 0 };
    const toSkip = progress.members;
    let members = 0;
    let position = 0;
    for await (const member of zipMembers(unpacked.descriptor, taking.budget)) {
      const name = prefix + member.name;
      if (taking.signal?.aborted === true)
        return { kind: 'postponed', code: 'processing-failure', reason: 'Stopped in between.' };
      position += 1;
      if (member.name.split('/').some(isLitter)) continue;
      members += 1;
      if (position <= toSkip) continue;
      const verdict = await takeMember(taking, member, depth, name);
      if (verdict.kind === 'changed' || verdict.kind === 'postponed') return verdict;
      if (verdict.kind !== 'archive')
        await taking.onMember({ name, bytes: member.bytes, outcome: verdict, source: member });
      progress.members = position;
    }
    return members === 0 ? rejected('empty', 'The archive is empty.') : { kind: 'archive', members };
  } finally {
    if (unpacked !== file) await unpacked.close();
  }
}

/** A member that cannot be read is rejected by itself; the bounds are those of the whole archive. */
async function takeMember(
  taking: Taking,
  member: ByteSource,
  depth: number,
  name: string,
): Promise<FileVerdict> {
  try {
    return await takeSource(taking, member, undefined, depth + 1, `${name}!/`);
  } catch (error) {
    if (!(error instanceof SourceError) || error.code === 'too-large' || error.code === 'unreadable')
      throw error;
    return rejectionOf(error);
  }
}

/** Unpacks a source into a file without a name, which goes away when it is closed. */
async function spool(source: ByteSource, folder: string): Promise<SourceFile> {
  await fs.mkdir(folder, { recursive: true });
  const filePath = path.join(folder, `${randomBytes(8).toString('hex')}.part`);
  try {
    await fs.writeFile(filePath, source.read(), { flag: 'wx', mode: 0o600 });
    return await SourceFile.open(filePath);
  } finally {
    await fs.rm(filePath, { force: true });
  }
}

function rejectionOf(error: SourceError): FileVerdict {
  const { code, message } = error;
  if (code === 'unreadable') return { kind: 'postponed', code: 'unreadable', reason: message };
  return rejected(code === 'too-large' ? 'archive-too-large' : code, message);
}
