import type { Stats } from 'node:fs';

/** What tells that a file is still the one that was looked at. */
export interface FileStamp {
  readonly device: number;
  readonly inode: number;
  readonly bytes: number;
  /** Last change of the content, milliseconds since 1970. */
  readonly mtimeMs: number;
  /** Last change of content, name or attributes; cannot be set back by programs. */
  readonly ctimeMs: number;
}

export function stampOf(stats: Stats): FileStamp {
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  return { device: dev, inode: ino, bytes: size, mtimeMs, ctimeMs };
}

/** Whether nothing at all happened to the file in between. */
export function isUntouched(a: FileStamp, b: FileStamp): boolean {
  return isSameContent(a, b) && a.ctimeMs === b.ctimeMs;
}

/** Whether it is the same file with the same content; it may have another name or other attributes. */
export function isSameContent(a: FileStamp, b: FileStamp): boolean {
  return a.device === b.device && a.inode === b.inode && a.bytes === b.bytes && a.mtimeMs === b.mtimeMs;
}

/** The stamp as it is remembered over restarts. Without the device, whose number changes with each mount of a share. */
export function rememberedStamp({ inode, bytes, mtimeMs }: FileStamp): string {
  return `${bytes}:${mtimeMs}:${inode}`;
}
