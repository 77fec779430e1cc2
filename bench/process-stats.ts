import fs from 'node:fs';

/** Clock ticks per second in /proc/<pid>/stat: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const POLL_MS = 50;

export interface ProcessStats {
  /** User and system time since the watch began, children included. */
  readonly cpuSeconds: number;
  /** Highest resident set of the process's whole life, plus the highest that its children had together. */
  readonly peakRssBytes: number;
}

/**
 * Watches a process and the children it forks through /proc (Linux only).
 * @returns a function that ends the watch; call it while the process is still alive.
 */
export function watchProcess(pid: number): () => ProcessStats {
  const startTicks = ticksOfTree(pid);
  let peakOfChildren = 0;
  const poll = (): void => {
    const resident = childrenOf(pid).map((child) => statusBytes(child, 'VmRSS'));
    peakOfChildren = Math.max(
      peakOfChildren,
      resident.reduce((sum, bytes) => sum + bytes, 0),
    );
  };
  const timer = setInterval(poll, POLL_MS);
  return () => {
    poll();
    clearInterval(timer);
    return {
      cpuSeconds: (ticksOfTree(pid) - startTicks) / TICKS_PER_SECOND,
      peakRssBytes: statusBytes(pid, 'VmHWM') + peakOfChildren,
    };
  };
}

/** CPU time of a process, of the children it has and of those it has waited for, so that none is missed or doubled. */
function ticksOfTree(pid: number): number {
  return [pid, ...childrenOf(pid)].map(ticksOf).reduce((sum, ticks) => sum + ticks, 0);
}

function ticksOf(pid: number): number {
  // The command in parentheses may hold spaces; utime, stime, cutime and cstime are fields 14 to 17 of proc(5).
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function statusBytes(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/status`));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Empty for a process that has just ended. */
function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
