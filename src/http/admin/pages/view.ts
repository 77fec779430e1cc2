import type { html } from 'hono/html';

export type Html = ReturnType<typeof html>;

/** What every page knows of its request. */
export interface View {
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** What its forms send back. */
  readonly formToken: string;
  /** Path and query of the page, to come back to. */
  readonly here: string;
  readonly hasLogin: boolean;
  readonly version: string;
  /** What was just done, in words. */
  readonly notice?: string | undefined;
  /** For the marks in the navigation. */
  readonly counts: {
    readonly attention: number;
    readonly senders: number;
    readonly files: number;
  };
}
