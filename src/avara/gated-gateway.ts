import type { Clock } from '../core/ports/clock.ts';
import type { GatewayFailure, GatewayResult, StudyGateway } from '../core/ports/study-gateway.ts';
import type { KeyHold } from './key-gates.ts';

export interface GatedGatewayOptions {
  readonly gateway: StudyGateway;
  readonly clock: Clock;
  /** Asked before each call; undefined: the call may be sent. */
  readonly hold: () => KeyHold | undefined;
  /** Told of each failure that Avara or the network caused, before anybody acts on it. */
  readonly onFailure: (failure: GatewayFailure) => void;
}

/** A gateway for one attempt that sends nothing more once the API key is held, even between look-up and create. */
export function createGatedGateway(options: GatedGatewayOptions): StudyGateway {
  const { gateway, clock, hold, onFailure } = options;

  function holdBack(): ({ readonly ok: false } & GatewayFailure) | undefined {
    const held = hold();
    if (held === undefined) return undefined;
    if (held.cause === 'refused') return { ok: false, kind: 'unauthorized', message: held.reason };
    return {
      ok: false,
      kind: 'transient',
      message: held.reason,
      retryAfterMs: Math.max(held.until - clock.now(), 0),
      isRateLimit: false,
    };
  }

  function noted<T>(result: GatewayResult<T>): GatewayResult<T> {
    if (!result.ok) onFailure(result);
    return result;
  }

  return {
    find: async (study, product) => holdBack() ?? noted(await gateway.find(study, product)),
    findOfCustomer: async (study, product) =>
      holdBack() ?? noted(await gateway.findOfCustomer(study, product)),
    create: async (study, product) => holdBack() ?? noted(await gateway.create(study, product)),
    update: async (study, product, avaraStudyId, sent) =>
      holdBack() ?? noted(await gateway.update(study, product, avaraStudyId, sent)),
    setCancelled: async (study, product, avaraStudyId, isCancelled) =>
      holdBack() ?? noted(await gateway.setCancelled(study, product, avaraStudyId, isCancelled)),
    describe: (study, product) => gateway.describe(study, product),
    expectedExpressCustomerId: (study) => gateway.expectedExpressCustomerId(study),
  };
}
