// @ts-check
import process from 'node:process';

/** Linux: start writing dirty pages of the range, and do not wait for them (sync_file_range(2)). */
const SYNC_FILE_RANGE_WRITE = 2;

/**
 * Starting to write a file's pages to the disk while more of it arrives. It makes nothing durable by itself: it only
 * leaves less to the sync that does. Node has no call for it, so it is reached through koffi, an optional dependency;
 * without it everything works the same, and the sync at the end takes longer.
 * @returns {Promise<(fd: number, offset: number, bytes: number) => void>}
 */
export async function loadWriteBack() {
  if (process.platform !== 'linux') return () => undefined;
  try {
    const { default: koffi } = await import('koffi');
    const start = koffi
      .load(null)
      .func('int sync_file_range(int fd, int64_t offset, int64_t bytes, unsigned int flags)');
    return (fd, offset, bytes) => {
      start(fd, offset, bytes, SYNC_FILE_RANGE_WRITE);
    };
  } catch {
    return () => undefined;
  }
}
