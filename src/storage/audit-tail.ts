import fs from 'node:fs/promises';
import path from 'node:path';

const FILE_PATTERN = /^audit-\d{4}-\d{2}-\d{2}\.jsonl$/;
const TAIL_BYTES = 256 * 1024;
/** Days looked at for a full list: a quiet site writes little. */
const MAX_FILES = 14;

/**
 * The last lines of the audit trail, latest first, as written; lines that cannot be read are left out.
 * @param folder of the trail. @throws where it cannot be read.
 */
export async function readAuditTail(
  folder: string,
  limit: number,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const names = (await fs.readdir(folder)).filter((name) => FILE_PATTERN.test(name)).sort();
  const lines: Record<string, unknown>[] = [];
  for (const name of names.slice(-MAX_FILES).reverse()) {
    lines.push(...(await tailOf(path.join(folder, name))));
    if (lines.length >= limit) break;
  }
  return lines.slice(0, limit);
}

async function tailOf(file: string): Promise<Record<string, unknown>[]> {
  const handle = await fs.open(file, 'r');
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const texts = buffer.toString('utf8', 0, bytesRead).split('\n');
    // The first is cut where the tail is not the whole file.
    if (length < size) texts.shift();
    return texts.flatMap(parse).reverse();
  } finally {
    await handle.close();
  }
}

function parse(text: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    // Empty, or cut short by a crash.
    return [];
  }
}
