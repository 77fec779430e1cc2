/** What the process ends with; documented in every command's help. */
export const EXIT_CODES = {
  /** Done. */
  ok: 0,
  /** The command ran and could not do it, or a check is not green. */
  failed: 1,
  /** Wrong command line, or a configuration that cannot be used. */
  usage: 2,
  /** The daemon (or the peer) does not answer. */
  unreachable: 3,
  /** The daemon could not start: port in use, data folder not writable, already running. */
  cannotStart: 4,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

const MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'failed',
  2: 'wrong command line or configuration',
  3: 'no answer from the daemon or peer',
  4: 'the daemon could not start',
};

/** The help paragraph of a command's exit codes. */
export function exitCodesHelp(codes: Partial<Record<ExitCode, string>> = {}): string {
  const used: Partial<Record<ExitCode, string>> = {
    0: MEANINGS[0],
    1: MEANINGS[1],
    2: MEANINGS[2],
    ...codes,
  };
  return Object.entries(used)
    .map(([code, meaning]) => `  ${code}  ${meaning}`)
    .join('\n');
}

/** 128 and the number of the signal, as shells report a process that a signal ended. */
export function exitCodeOfSignal(signal: 'SIGINT' | 'SIGTERM'): number {
  return signal === 'SIGINT' ? 130 : 143;
}
