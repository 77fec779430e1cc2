import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** What was wrong with one field. */
export interface FieldIssue {
  /** Dotted path within the body or query; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** A refusal that becomes `{ message, issues? }` with its status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: ContentfulStatusCode;
  readonly issues: readonly FieldIssue[];

  constructor(status: ContentfulStatusCode, message: string, issues: readonly FieldIssue[] = []) {
    super(message);
    this.status = status;
    this.issues = issues;
  }
}

/** Misuse of the emulator itself, such as a start option out of form. */
export class EmulatorError extends Error {
  override readonly name = 'EmulatorError';
}
