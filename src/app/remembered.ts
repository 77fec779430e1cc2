import type { Clock } from '../core/ports/clock.ts';

/** A value that is worked out anew when somebody asks and it is older than `ms`. */
export function remembered<Value>(clock: Pick<Clock, 'now'>, ms: number, workOut: () => Value): () => Value {
  let kept: { readonly at: number; readonly value: Value } | undefined;
  return () => {
    const now = clock.now();
    // A clock that was set back must not keep the value for ever.
    if (kept === undefined || now >= kept.at + ms || now < kept.at) kept = { at: now, value: workOut() };
    return kept.value;
  };
}
