import { Worker } from 'node:worker_threads';
import type { WorkerOptions } from 'node:worker_threads';

/**
 * Starts a worker thread whose module is written in TypeScript beside its caller. A built daemon runs the module that
 * the compiler made of it. From a checkout (tests), tsx translates it, because Node before 22.18 cannot.
 * @param module as written: `new URL('./pixel-worker.ts', import.meta.url)`.
 */
export function startWorker(module: URL, options: WorkerOptions = {}): Worker {
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL(module.href.replace(/\.ts$/, '.js')), options);
  const bootstrap = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(module.href)}); });`;
  return new Worker(bootstrap, { ...options, eval: true });
}
