import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { createEmulatorApp } from './app.ts';
import type { EmulatorEnv } from './env.ts';
import { EmulatorError } from './errors.ts';
import type { EventDesk } from './event-desk.ts';
import { createEventDesk } from './event-desk.ts';
import type { FaultInjector } from './faults.ts';
import { createFaultInjector } from './faults.ts';
import { apiKeyIdOf } from './ids.ts';
import type { ApiKeyOptions, EmulatedUser, ExpressCustomerOptions } from './model.ts';
import { NOTICE } from './html-pages.ts';
import { customerIdSchema, DEFAULT_MAX_TEXT_LENGTH, userIdSchema } from './schemas.ts';
import type { ReportDesk } from './report-desk.ts';
import { createReportDesk } from './report-desk.ts';
import type { EmulatorState } from './state.ts';
import { createEmulatorState } from './state.ts';
import type { StateFileWriter } from './state-file.ts';
import { createStateFileWriter, loadStateFile } from './state-file.ts';
import type { OnDuplicate } from './studies.ts';
import type { EmulatedViewer } from './viewer.ts';
import { createViewer } from './viewer.ts';

export interface AvaraEmulatorOptions {
  /** Default 127.0.0.1: the emulator's own endpoints need no key. */
  readonly host?: string;
  /** Default 0: a free one, kept over stop and start. */
  readonly port?: number;
  readonly apiKeys: readonly ApiKeyOptions[];
  readonly expressCustomers?: readonly ExpressCustomerOptions[];
  readonly users?: readonly EmulatedUser[];
  /** Default true. */
  readonly expressEnabled?: boolean;
  /** Default `conflict` (409). */
  readonly onDuplicate?: OnDuplicate;
  /** Take the field names that only Avara's documentation shows, such as `scanDate`; default false. */
  readonly acceptDocumentationNames?: boolean;
  /** Longest `studyDescription`, name and the like in characters; default 64. */
  readonly maxTextLength?: number;
  /** Default 201. */
  readonly createStatus?: 200 | 201;
  /** Origin that the viewer's files must be readable from (CORS); by default this is not checked. */
  readonly viewerOrigin?: string;
  /** JSON file that keeps studies and customers over restarts; by default they are kept in memory only. */
  readonly stateFile?: string;
  /** Seed of fault rules with a probability; default 1. */
  readonly seed?: number;
  /** Wall clock, milliseconds since 1970 UTC. */
  readonly now?: () => number;
  /** Receives the start-up line. */
  readonly log?: (line: string) => void;
}

/** A stand-in for Avara's API and viewer. */
export interface AvaraEmulator {
  /** Listens. @returns the base URL, without a slash at the end. */
  start(): Promise<{ url: string }>;
  /** Ends every connection, at once. May be started again: an outage. */
  stop(): Promise<void>;
  readonly state: EmulatorState;
  readonly faults: FaultInjector;
  readonly viewer: EmulatedViewer;
  readonly reportDesk: ReportDesk;
  readonly eventDesk: EventDesk;
  /** The HTTP application, for requests without a network. */
  readonly app: Hono<EmulatorEnv>;
}

function checkOptions(options: AvaraEmulatorOptions): void {
  const keys = options.apiKeys.map(({ key }) => key);
  if (keys.some((key) => !/^\S+$/.test(key))) throw new EmulatorError('an API key must be one word');
  if (new Set(keys).size < keys.length) throw new EmulatorError('the same API key is given twice');
  for (const { id } of options.expressCustomers ?? []) {
    const { success, error } = customerIdSchema.safeParse(id);
    if (!success) throw new EmulatorError(`Express customer ${id}: ${error.issues[0]?.message ?? ''}`);
  }
  for (const { userId } of options.users ?? []) {
    const { success, error } = userIdSchema.safeParse(userId);
    if (!success) throw new EmulatorError(`user ${userId}: ${error.issues[0]?.message ?? ''}`);
  }
}

/**
 * Creates the emulator of one account; nothing listens before `start`.
 * @throws EmulatorError for options out of form, or a state file that is not the emulator's.
 */
export function createAvaraEmulator(options: AvaraEmulatorOptions): AvaraEmulator {
  checkOptions(options);
  const { host = '127.0.0.1', now = Date.now, stateFile } = options;
  let { port = 0 } = options;
  let stopping = new AbortController();
  let server: ReturnType<typeof createServer> | undefined;

  let writer: StateFileWriter | undefined;
  const state = createEmulatorState({
    customers: options.expressCustomers ?? [],
    now,
    restored: stateFile === undefined ? undefined : loadStateFile(stateFile),
    onChange: () => writer?.changed(),
  });
  if (stateFile !== undefined) writer = createStateFileWriter(stateFile, () => state.snapshot());

  const faults = createFaultInjector({ seed: options.seed ?? 1 });
  const directory = {
    apiKeys: options.apiKeys.map((apiKey) => ({ ...apiKey, apiKeyId: apiKeyIdOf(apiKey.key) })),
    users: options.users ?? [],
    state,
  };
  const viewer = createViewer({ directory, now, origin: options.viewerOrigin });
  let url: string | undefined;
  const reportDesk = createReportDesk({
    directory,
    now,
    baseUrl() {
      if (url === undefined) throw new EmulatorError('the emulator does not listen: its reports have no URL');
      return url;
    },
  });
  const eventDesk = createEventDesk({ directory, now });
  const app = createEmulatorApp({
    eventDesk,
    directory,
    faults,
    viewer,
    reportDesk,
    onDuplicate: options.onDuplicate ?? 'conflict',
    expressEnabled: options.expressEnabled ?? true,
    acceptDocumentationNames: options.acceptDocumentationNames ?? false,
    maxTextLength: options.maxTextLength ?? DEFAULT_MAX_TEXT_LENGTH,
    createStatus: options.createStatus ?? 201,
    now,
    stopping: () => stopping.signal,
    saved: () => writer?.saved() ?? Promise.resolve(),
    reset() {
      state.reset();
      faults.clear();
      viewer.reset();
    },
  });

  return {
    async start() {
      if (server !== undefined) throw new EmulatorError('the emulator is running already');
      stopping = new AbortController();
      const listener = getRequestListener((request, env) => app.fetch(request, env), {
        overrideGlobalObjects: false,
      });
      const starting = createServer((incoming, outgoing) => void listener(incoming, outgoing));
      await new Promise<void>((resolve, reject) => {
        starting.once('error', reject);
        starting.listen(port, host, resolve);
      });
      server = starting;
      ({ port } = starting.address() as AddressInfo);
      url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
      options.log?.(`${NOTICE} It listens at ${url}`);
      return { url };
    },
    async stop() {
      const closing = server;
      if (closing === undefined) return;
      server = undefined;
      stopping.abort();
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      closing.closeAllConnections();
      await closed;
      await writer?.saved();
    },
    state,
    faults,
    viewer,
    reportDesk,
    eventDesk,
    app,
  };
}
