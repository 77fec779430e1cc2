import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { STATUS_CODES } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import type { EmulatorEnv } from './env.ts';
import { EmulatorError } from './errors.ts';
import type { Fault, FaultInjector } from './faults.ts';
import type { Directory } from './study-reply.ts';
import { toStudyReply } from './study-reply.ts';

const SLOW_BODY_PARTS = 10;

export interface FaultMiddlewareOptions {
  readonly faults: FaultInjector;
  readonly directory: Directory;
  readonly now: () => number;
  /** Aborted when the server stops, which ends every wait. */
  readonly stopping: () => AbortSignal;
  /** Resolves once all changes so far would survive a restart. */
  readonly saved: () => Promise<void>;
}

type EmulatorContext = Context<EmulatorEnv>;
type FaultOf<T extends Fault['type']> = Extract<Fault, { type: T }>;

function connectionOf(c: EmulatorContext): HttpBindings {
  const { incoming, outgoing } = (c.env as Partial<HttpBindings> | undefined) ?? {};
  if (incoming === undefined || outgoing === undefined) {
    throw new EmulatorError('this fault needs a network connection');
  }
  return { incoming, outgoing };
}

/** Tells the server that there is nothing to send. */
function noReply(): Response {
  return new Response(null, { headers: RESPONSE_ALREADY_SENT.headers });
}

function replaceReply(c: EmulatorContext, reply: Response): void {
  // Assigning over a reply would carry its headers along.
  c.res = undefined;
  c.res = reply;
}

function retryHeaders(fault: FaultOf<'status'>, nowMs: number): Record<string, string> {
  const { retryAfter, shouldRetry } = fault;
  const headers: Record<string, string> = {};
  if (shouldRetry !== undefined) headers['x-should-retry'] = String(shouldRetry);
  if (retryAfter === undefined) return headers;
  if ('seconds' in retryAfter) headers['retry-after'] = String(retryAfter.seconds);
  else if ('ms' in retryAfter) headers['retry-after-ms'] = String(retryAfter.ms);
  else headers['retry-after'] = new Date(nowMs + retryAfter.dateInMs).toUTCString();
  return headers;
}

function errorReply(fault: FaultOf<'status'>, nowMs: number): Response {
  const message = fault.message ?? STATUS_CODES[fault.status] ?? 'Error';
  return Response.json({ message }, { status: fault.status, headers: retryHeaders(fault, nowMs) });
}

function trickle(text: string, durationMs: number, signal: AbortSignal): Response['body'] {
  const bytes = Buffer.from(text);
  const partLength = Math.max(1, Math.ceil(bytes.length / SLOW_BODY_PARTS));
  let offset = 0;
  return new ReadableStream({
    async pull(controller) {
      try {
        await delay(durationMs / SLOW_BODY_PARTS, undefined, { signal });
      } catch {
        // The server stops and has closed the connection: nobody reads on.
        controller.close();
        return;
      }
      controller.enqueue(bytes.subarray(offset, offset + partLength));
      offset += partLength;
      if (offset >= bytes.length) controller.close();
    },
  });
}

/** Makes requests go wrong as the rules say. Goes before everything that can take effect. */
export function createFaultMiddleware(options: FaultMiddlewareOptions): MiddlewareHandler<EmulatorEnv> {
  const { faults, directory, now, stopping } = options;

  async function hang(c: EmulatorContext): Promise<void> {
    const { outgoing } = connectionOf(c);
    if (!outgoing.destroyed) await once(outgoing, 'close');
    replaceReply(c, noReply());
  }

  async function alterReply(
    c: EmulatorContext,
    alter: (body: Record<string, unknown>) => unknown,
  ): Promise<void> {
    const { status, ok } = c.res;
    if (!ok) return;
    const body = (await c.res.json()) as Record<string, unknown>;
    replaceReply(c, Response.json(alter(body), { status }));
  }

  function misattribute(fault: FaultOf<'wrong-customer'>, body: Record<string, unknown>): unknown {
    const study = typeof body.studyId === 'string' ? directory.state.findStudy(body.studyId) : undefined;
    if (study === undefined) return body;
    const other = directory.state
      .customers()
      .find((customer) => customer.expressCustomerId !== study.expressCustomerId);
    const expressCustomerId =
      fault.expressCustomerId === undefined ? (other?.expressCustomerId ?? null) : fault.expressCustomerId;
    const wrong = { ...study, expressCustomerId };
    if (fault.in === 'state') directory.state.putStudy(wrong);
    return toStudyReply(wrong, directory);
  }

  async function carryOut(
    fault: Exclude<Fault, { type: 'latency' }>,
    c: EmulatorContext,
    next: () => Promise<void>,
  ) {
    switch (fault.type) {
      case 'status':
        if (fault.afterCommit === true) await next();
        replaceReply(c, errorReply(fault, now()));
        return;
      case 'reply-lost':
        await next();
        connectionOf(c).incoming.socket.destroy();
        replaceReply(c, noReply());
        return;
      case 'connection-reset':
        connectionOf(c).incoming.socket.resetAndDestroy();
        replaceReply(c, noReply());
        return;
      case 'hang':
        if (fault.afterCommit === true) await next();
        await hang(c);
        return;
      case 'wrong-customer':
        await next();
        await alterReply(c, (body) => misattribute(fault, body));
        await options.saved();
        return;
      case 'missing-study-id':
        await next();
        await alterReply(c, (body) =>
          Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'studyId')),
        );
        return;
      case 'invalid-json': {
        await next();
        const { status, headers } = c.res;
        const text = await c.res.text();
        replaceReply(c, new Response(text.slice(0, Math.floor(text.length / 2)), { status, headers }));
        return;
      }
      case 'slow-body': {
        await next();
        const { status, headers } = c.res;
        replaceReply(
          c,
          new Response(trickle(await c.res.text(), fault.durationMs, stopping()), { status, headers }),
        );
      }
    }
  }

  return async function injectFault(c, next) {
    const entry = c.get('logEntry');
    const { latencyMs, fault } = faults.strike(entry);
    if (latencyMs > 0) {
      entry.fault = 'latency';
      await delay(latencyMs, undefined, { signal: stopping() });
    }
    if (fault === undefined) {
      await next();
      return;
    }
    entry.fault = fault.type;
    await carryOut(fault, c, next);
  };
}
