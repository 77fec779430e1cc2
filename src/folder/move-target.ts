import fs from 'node:fs/promises';
import path from 'node:path';

import { errorCode } from './source-file.ts';

/** Where stored files are moved to, as a watched folder sees it. */
export type MoveTarget =
  /** `inside` is its path below the watched folder as configured, where it lies in it. */
  { readonly kind: 'good'; readonly inside?: string } | { readonly kind: 'refused'; readonly reason: string };

/**
 * Looks where `moveTo` leads through symbolic links, which the checks of the configuration cannot see: files moved back
 * into the watched folder would be seen again, and those moved into another one, or into the data folder, be taken there.
 * @param realPath of the watched folder
 * @param others real paths that it must not overlap
 */
export async function lookAtMoveTarget(
  moveTo: string,
  watched: { readonly path: string; readonly realPath: string; readonly others: readonly string[] },
): Promise<MoveTarget> {
  const target = await whereItLeads(moveTo);
  if (isWithin(watched.realPath, target))
    return { kind: 'refused', reason: `moveTo leads to ${target}, which holds the watched folder` };
  const other = watched.others.find((one) => overlaps(one, target));
  if (other !== undefined)
    return { kind: 'refused', reason: `moveTo leads to ${target}, which overlaps ${other}` };
  if (!isWithin(target, watched.realPath)) return { kind: 'good' };
  return { kind: 'good', inside: path.join(watched.path, path.relative(watched.realPath, target)) };
}

/** The real path of a folder that need not be there yet. */
async function whereItLeads(folder: string): Promise<string> {
  try {
    return await fs.realpath(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if (errorCode(error) !== 'ENOENT' || parent === folder) throw error;
    return path.join(await whereItLeads(parent), path.basename(folder));
  }
}

/** Whether one of two folders is, or lies in, the other. */
export function overlaps(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

function isWithin(inner: string, outer: string): boolean {
  return `${inner}/`.startsWith(`${outer}/`);
}
