// @ts-check
import { Buffer } from 'node:buffer';
import os from 'node:os';
import process from 'node:process';

/** Numbers of sched_setattr(2), which the C library has no function for. */
const SCHED_SETATTR = new Map([
  ['x64', 314],
  ['arm64', 274],
]);
/** struct sched_attr as of its first version; what is not set is 0, the policy SCHED_OTHER among it. */
const ATTR_BYTES = 48;
const NICENESS_OFFSET = 16;
const SLICE_OFFSET = 24;
const SLICE_NS = 100_000n;

/**
 * Asks for time in short slices for the calling thread, which mostly waits and has little to do then: Linux 6.12 and
 * later lets it have the processor at once when it wakes, instead of after whoever works there just now. Earlier ones
 * take no notice. Without koffi, an optional dependency, nothing is asked.
 */
export async function askForShortSlices() {
  const call = SCHED_SETATTR.get(process.arch);
  if (process.platform !== 'linux' || call === undefined) return;
  try {
    const { default: koffi } = await import('koffi');
    const syscall = koffi
      .load(null)
      .func('long syscall(long number, int thread, const void *attr, unsigned int flags)');
    const attr = Buffer.alloc(ATTR_BYTES);
    attr.writeUInt32LE(ATTR_BYTES, 0);
    attr.writeInt32LE(os.getPriority(), NICENESS_OFFSET);
    attr.writeBigUInt64LE(SLICE_NS, SLICE_OFFSET);
    syscall(call, 0, attr, 0);
  } catch {
    // It is a wish; everything works without.
  }
}
