import type { Context } from 'hono';
import type { InstanceRecord } from '../../core/study/study.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { planObjectReply } from '../object-reply.ts';
import { objectContent } from '../response-writer.ts';
import type { DeliverObject } from './deliver-object.ts';
import type { DicomWebEnv } from './env.ts';
import { urlOf } from './retrieve-target.ts';
import { streamReply, withoutIdleTimeout } from './stream-reply.ts';
import type { SyntaxChoice } from './transfer-syntax-choice.ts';

export interface SingleReplyOptions extends DeliverObject {
  readonly pool: BufferPool;
}

/** Sends one Part 10 file as the body itself; also ranges of it, where it is sent as stored. */
export function createSingleReply({ deliver, problemOf, pool }: SingleReplyOptions) {
  return async function sendSingle(
    c: Context<DicomWebEnv>,
    instance: InstanceRecord,
    choice: SyntaxChoice,
  ): Promise<Response> {
    const fixed = {
      'Cache-Control': 'private, no-store',
      'Content-Location': urlOf(c.var.scope.serviceUrl, instance),
    };
    if (choice.kind === 'transcoded') {
      if (c.req.method === 'HEAD')
        return new Response(null, { headers: { ...fixed, 'Content-Type': contentType(choice.to) } });
      const { opened, transferSyntaxUid } = await withoutIdleTimeout(c, () =>
        deliver(instance, choice, c.req.raw.signal),
      ).catch((error: unknown) => {
        throw problemOf(error, instance);
      });
      try {
        return await streamReply(c, {
          pool,
          headers: {
            ...fixed,
            'Content-Type': contentType(transferSyntaxUid),
            'Content-Length': String(opened.bytes),
          },
          produce: (writer) => writer.send(objectContent(opened)),
        });
      } finally {
        await opened.close();
      }
    }
    const { status, headers, start, length } = planObjectReply((name) => c.req.header(name), instance, 0);
    const all = {
      ...headers,
      ...fixed,
      ...(headers['Content-Type'] !== undefined && {
        'Content-Type': contentType(instance.transferSyntaxUid),
      }),
    };
    if (length === 0) return new Response(null, { status, headers: all });
    return streamReply(c, {
      status,
      headers: all,
      pool,
      async produce(writer, signal) {
        try {
          const { opened } = await deliver(instance, choice, signal);
          try {
            await writer.send(objectContent(opened, start, length));
          } finally {
            await opened.close();
          }
        } catch (error) {
          throw problemOf(error, instance);
        }
      },
    });
  };
}

function contentType(transferSyntaxUid: string): string {
  return `application/dicom; transfer-syntax=${transferSyntaxUid}`;
}
