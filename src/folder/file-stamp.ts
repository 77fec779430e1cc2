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
  /** When the file was made; 0 where the file system does not tell. */
  readonly birthtimeMs: number;
}

export function stampOf(stats: Stats): FileStamp {
  const { dev, ino, size, mtimeMs, ctimeMs, birthtimeMs } = stats;
  return { device: dev, inode: ino, bytes: size, mtimeMs, ctimeMs, birthtimeMs };
}

/** Whether nothing at all happened to the file in between. */
export function isUntouched(a: FileStamp, b: FileStamp): boolean {
  return isSameContent(a, b) && a.ctimeMs === b.ctimeMs;
}

/** Whether it is the same file with the same content; it may have another name or other attributes. */
export function isSameContent(a: FileStamp, b: FileStamp): boolean {
  return a.device === b.device && a.inode === b.inode && a.bytes === b.bytes && a.mtimeMs === b.mtimeMs;
}

/** The content as it is remembered. Without the device, whose number changes with each mount of a share. */
export function contentStamp({ inode, bytes, mtimeMs }: FileStamp): string {
  return `${bytes}:${mtimeMs}:${inode}`;
}

/** The stamp as it is remembered over restarts. */
export function rememberedStamp(stamp: FileStamp): string {
  return `${contentStamp(stamp)}:${stamp.birthtimeMs}:${stamp.ctimeMs}`;
}

/**
 * Whether a remembered stamp is that of this file. Size and time of a new file may be those of an old one, because programs
 * set them, and file systems give its inode number out again; when it was made does not repeat.
 * @param exactly also nothing happened to name or attributes: asked before a file is removed that is not read again.
 */
export function isRemembered(remembered: string, stamp: FileStamp, exactly: boolean): boolean {
  if (exactly) return remembered === rememberedStamp(stamp);
  const [bytes, mtime, inode, birthtime = '0'] = remembered.split(':');
  if (`${bytes}:${mtime}:${inode}` !== contentStamp(stamp)) return false;
  return birthtime === '0' || stamp.birthtimeMs === 0 || birthtime === String(stamp.birthtimeMs);
}
