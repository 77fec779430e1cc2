import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Hono } from 'hono';
import type { Context } from 'hono';
import { storeUpload } from '../../core/ingest/store-upload.ts';
import type { UploadOutcome } from '../../core/ingest/store-upload.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Intake } from '../../core/ports/intake.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { CustomerKey, InstanceOrigin } from '../../core/study/instance.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { HttpProblem } from '../errors.ts';
import { negotiateFor } from './accept.ts';
import type { DicomWebEnv, DicomWebScope } from './env.ts';
import { recordHandOut } from './hand-out.ts';
import { MultipartReader } from './multipart-reader.ts';
import { MultipartError } from './multipart-tokenizer.ts';
import { isDicomPart, storeContentOf } from './store-content.ts';
import type { StoreContent } from './store-content.ts';
import { storeAnswer, storeResponse } from './store-response.ts';
import { streamReply } from './stream-reply.ts';
import { readRequest } from './read-request.ts';

export interface StoreRouteOptions {
  readonly intake: Intake;
  /** Whether the disk may take more. */
  readonly hasSpace: () => boolean;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly pool: BufferPool;
  /** Requests worked on at once; further ones are asked to come again. Default 16. */
  readonly maxRequests?: number;
  /** How long a sender may be silent. Default 60 s. */
  readonly idleTimeoutMs?: number;
  /** Objects in one request. Default 100,000. */
  readonly maxParts?: number;
}

const OFFERS = [
  { mediaType: 'application/dicom+json', isMultipart: false },
  { mediaType: 'application/json', isMultipart: false },
];
/** Objects of one request on their way to the disk; the next is read meanwhile. */
const MAX_COMMITTING = 8;
const RETRY_AFTER_SECONDS = '30';

let requests = 0;

/** STOW-RS: Part 10 files of any size, through the one intake (PS3.18 10.5). */
export function createStoreRoute(options: StoreRouteOptions): Hono<DicomWebEnv> {
  const { intake, hasSpace, audit, logger, pool } = options;
  const { maxRequests = 16, idleTimeoutMs = 60_000, maxParts = 100_000 } = options;
  let underway = 0;

  const store = async (c: Context<DicomWebEnv>): Promise<Response> => {
    const { scope } = c.var;
    const studyInstanceUid = studyOf(c.req.param('study'));
    const customer = customerOf(scope);
    const content = storeContentOf(c.req.header('content-type'));
    if (c.req.header('content-encoding') !== undefined) throw encodingRefused();
    const { mediaType } = negotiateFor(c, OFFERS).offer;
    if (!hasSpace()) throw unavailable('out-of-resources', 'The disk is below its reserve. Try again later.');
    if (underway >= maxRequests) throw unavailable('busy', 'Too many store requests at once. Try again.');
    const { incoming, peerAddress } = c.env;
    if (incoming === undefined) throw new Error('objects can be stored through an HTTP listener only');

    const origin: InstanceOrigin = {
      source: 'stow',
      customer,
      intakeId: `stow-${++requests}`,
      ...(peerAddress !== undefined && { peerAddress }),
    };
    underway += 1;
    try {
      const outcomes = await receive(incoming, content, origin, studyInstanceUid);
      const failed = outcomes.filter(({ kind }) => kind === 'failed').length;
      recordHandOut(audit, c, {
        event: 'dicomweb.stored',
        customer,
        ...studyOfAll(outcomes),
        counts: { instances: outcomes.length - failed, failed },
      });
      logFailures(outcomes, origin);
      const { status, headers } = storeAnswer(outcomes);
      return await streamReply(c, {
        status,
        headers: { 'Content-Type': mediaType, ...headers },
        pool,
        async produce(writer) {
          for (const piece of storeResponse(outcomes, scope.serviceUrl))
            await writer.write(Buffer.from(piece));
        },
      });
    } finally {
      underway -= 1;
      if (origin.intakeId !== undefined) intake.intakeEnded(origin.intakeId);
    }
  };

  /** Takes in everything that the body holds. @throws HttpProblem 400, 408, 413 where nothing at all was stored. */
  const receive = async (
    incoming: IncomingMessage,
    content: StoreContent,
    origin: InstanceOrigin,
    studyInstanceUid: Uid | undefined,
  ): Promise<readonly UploadOutcome[]> => {
    const take = (body: AsyncIterable<Buffer>): Promise<UploadOutcome> =>
      storeUpload({ intake, origin, body, studyInstanceUid });
    const source = readRequest(incoming, idleTimeoutMs);
    if (content.kind === 'single') return [await take(source)];

    const outcomes: Promise<UploadOutcome>[] = [];
    const committing = new Set<Promise<unknown>>();
    let problem: unknown;
    try {
      const reader = new MultipartReader(source, content.boundary);
      for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
        if (outcomes.length === maxParts) throw tooMany(maxParts);
        const taken = isDicomPart(part.headers) ? take(part.body) : Promise.resolve(NO_DICOM);
        outcomes.push(taken);
        // Awaited in their order at the end; a rejection before that must not count as unhandled.
        const settled = taken.catch(() => undefined).finally(() => committing.delete(settled));
        committing.add(settled);
        await Promise.race([part.read, settled]);
        if (committing.size >= MAX_COMMITTING) await Promise.race(committing);
      }
    } catch (error) {
      problem = error;
    }
    const results = await Promise.allSettled(outcomes);
    for (const result of results) if (result.status === 'rejected') problem = result.reason;
    const settled = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (problem === undefined && settled.length > 0) return settled;
    if (problem === undefined) throw malformed('The body holds no part.');
    if (!(problem instanceof MultipartError) && !(problem instanceof HttpProblem)) throw problem as Error;
    // What is kept is kept, and its sender has to know.
    if (settled.some(({ kind }) => kind !== 'failed')) return [...settled, BROKEN_OFF];
    throw problem instanceof HttpProblem ? problem : malformed(problem.message);
  };

  const logFailures = (
    outcomes: readonly UploadOutcome[],
    { customer, intakeId, peerAddress }: InstanceOrigin,
  ): void => {
    const [first, ...rest] = outcomes.filter((outcome) => outcome.kind === 'failed');
    if (first === undefined) return;
    const { failure, reason, sopInstanceUid } = first;
    logger.warn(
      { customer, intakeId, peerAddress, failure, reason, sopInstanceUid, more: rest.length },
      'objects of a store request were not kept',
    );
  };

  const app = new Hono<DicomWebEnv>();
  app.post('/studies', store);
  app.post('/studies/:study', store);
  return app;
}

const NO_DICOM: UploadOutcome = {
  kind: 'failed',
  failure: 'cannot-understand',
  reason: 'The part is not application/dicom, or not binary.',
};
const BROKEN_OFF: UploadOutcome = {
  kind: 'failed',
  failure: 'cannot-understand',
  reason: 'The body broke off, or is no multipart body from here on.',
};

function studyOf(text: string | undefined): Uid | undefined {
  if (text === undefined) return undefined;
  const uid = parseUid(text);
  if (uid === undefined || uid !== text)
    throw new HttpProblem(400, { code: 'bad-path', detail: 'The study in the path is no DICOM UID.' });
  return uid;
}

function customerOf({ customers }: DicomWebScope): CustomerKey {
  const [customer, second] = customers;
  if (customer !== undefined && second === undefined) return customer;
  throw new HttpProblem(409, {
    code: 'several-customers',
    detail: 'This token is for several customers. Store below /dicom-web/customers/<key> for one of them.',
  });
}

/** The study of what was kept, if it is one. */
function studyOfAll(outcomes: readonly UploadOutcome[]): { studyInstanceUid?: Uid } {
  const studies = new Set(
    outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [] : [outcome.key.studyInstanceUid])),
  );
  const [study] = studies;
  return study !== undefined && studies.size === 1 ? { studyInstanceUid: study } : {};
}

function malformed(detail: string): HttpProblem {
  return new HttpProblem(400, { code: 'malformed-body', detail });
}

function tooMany(maxParts: number): HttpProblem {
  return new HttpProblem(413, {
    code: 'too-many-parts',
    detail: `One request may hold ${maxParts} objects. Send the rest in further requests.`,
  });
}

function encodingRefused(): HttpProblem {
  return new HttpProblem(415, {
    code: 'content-encoding-not-supported',
    detail: 'Send the body without Content-Encoding.',
  });
}

function unavailable(code: string, detail: string): HttpProblem {
  return new HttpProblem(503, { code, detail, headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
}
