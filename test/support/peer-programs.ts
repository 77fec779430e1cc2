import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether tests must fail, rather than be skipped, where something that they need is not installed. */
export const ARE_PEERS_REQUIRED = process.env.AVARA_INGEST_REQUIRE_PEERS === '1';

/**
 * Tells whether programs are on the PATH; says so on standard output where they are not.
 * @throws Error where they are missing and `AVARA_INGEST_REQUIRE_PEERS=1`.
 */
export function arePeersInstalled(...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length === 0) return true;
  const message = `not installed: ${missing.join(', ')}`;
  if (ARE_PEERS_REQUIRED) throw new Error(`${message}, and AVARA_INGEST_REQUIRE_PEERS=1 wants them`);
  process.stdout.write(`${message}: their tests are skipped\n`);
  return false;
}

export interface PeerRun {
  readonly code: number;
  /** Standard output, then standard error. */
  readonly output: string;
}

/** Runs a program to its end, which may be a failure. @throws where it cannot be started or takes over a minute. */
export async function runPeer(program: string, argv: readonly string[]): Promise<PeerRun> {
  try {
    const { stdout, stderr } = await run(program, argv, {
      timeout: 60_000,
      maxBuffer: 64 * 1024 * 1024,
      // DCMTK's senders leave Nagle's algorithm on by default, which costs 40 ms per object with some receivers.
      env: { ...process.env, TCP_NODELAY: '1' },
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const failure = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof failure.code !== 'number') throw error;
    return { code: failure.code, output: `${failure.stdout ?? ''}${failure.stderr ?? ''}` };
  }
}
