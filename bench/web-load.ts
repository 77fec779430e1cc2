import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What to ask a server for, and how long. */
export interface LoadSpec {
  readonly port: number;
  /** Asked for in turn. */
  readonly paths: readonly string[];
  /** Lines of the request's header. */
  readonly headers: readonly string[];
  /** Connections, each with one request at a time. */
  readonly clients: number;
  readonly durationMs: number;
  readonly minRequests: number;
}

export interface LoadResult {
  readonly requests: number;
  /** As they came over the connections. */
  readonly bytes: number;
  /** Answers of other than status 2xx. */
  readonly failed: number;
  readonly seconds: number;
  /** Of one processor that the client took itself: near 1, it was the bottleneck. */
  readonly clientCpuShare: number;
}

export interface LoadGenerator {
  run(spec: LoadSpec): Promise<LoadResult>;
  stop(): void;
}

/** Starts the process that makes the load. */
export function startLoadGenerator(): LoadGenerator {
  const child = fork(new URL('./web-client.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  return {
    async run(spec) {
      const answered = once(child, 'message');
      child.send(spec);
      const [result] = (await answered) as [LoadResult | { error: string }];
      if ('error' in result) throw new Error(`the load generator failed: ${result.error}`);
      return result;
    },
    stop: () => child.kill(),
  };
}
