import type { Context } from 'hono';
import type { z } from 'zod';
import { ApiError } from './errors.ts';
import type { EmulatorEnv } from './env.ts';

type EmulatorContext = Context<EmulatorEnv>;

function check<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: issue.message,
  }));
  const first = issues[0];
  const detail = first === undefined ? '' : `: ${first.path === '' ? '' : `${first.path}: `}${first.message}`;
  throw new ApiError(400, `Invalid ${what}${detail}`, issues);
}

/**
 * Reads a JSON body.
 * @throws ApiError 415 for another content type, 400 for anything that is not JSON or does not fit the schema.
 */
export async function readBody<T extends z.ZodType>(
  c: EmulatorContext,
  schema: T,
  prepare: (body: unknown) => unknown = (body) => body,
): Promise<z.output<T>> {
  const contentType = c.req.header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(contentType)) {
    throw new ApiError(415, 'Content-Type must be application/json');
  }
  let body: unknown;
  try {
    body = await c.req.json();
  } catch {
    throw new ApiError(400, 'Request body is not valid JSON');
  }
  return check(schema, prepare(body), 'request body');
}

/** Reads the query. @throws ApiError 400 for repeated or unknown parameters and values out of form. */
export function readQuery<T extends z.ZodType>(c: EmulatorContext, schema: T): z.output<T> {
  const query: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    const [value] = values;
    if (values.length > 1) throw new ApiError(400, `Query parameter ${name} is repeated`);
    if (value !== undefined) query[name] = value;
  }
  return check(schema, query, 'query');
}

/** Checks one path segment. @throws ApiError 400 where it is out of form. */
export function readSegment<T extends z.ZodType>(schema: T, name: string, value: unknown): z.output<T> {
  return check(schema, value, name);
}
