import type { Context } from 'hono';
import type { DicomWebEnv } from './env.ts';

/**
 * `Vary` of an answer that goes past Hono (RFC 9110 12.5.5).
 * @param names request headers that the answer depends on, besides what rules for all answers, such as CORS, have set.
 */
export function varyOf(c: Context<DicomWebEnv>, ...names: readonly string[]): string {
  const set = c.env.outgoing?.getHeader('vary');
  return [...names, ...(typeof set === 'string' ? [set] : [])].join(', ');
}
