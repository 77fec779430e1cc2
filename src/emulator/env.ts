import type { HttpBindings } from '@hono/node-server';
import type { ApiKey, RequestLogEntry } from './model.ts';

/** What the emulator's handlers find in a Hono context. */
export interface EmulatorEnv {
  /** Empty where the app is called without a network connection. */
  Bindings: Partial<HttpBindings>;
  Variables: { apiKey: ApiKey; logEntry: RequestLogEntry };
}
