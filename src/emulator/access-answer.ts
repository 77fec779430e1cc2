import { z } from 'zod';

const mediaUrlSchema = z.strictObject({
  url: z.string().min(1),
  mimeType: z.string().min(1),
  fileName: z.string().min(1).optional(),
});

const accessAnswerSchema = z.strictObject({
  authorized: z.boolean(),
  urls: z.array(z.string().min(1)),
  error: z.string().optional(),
  mediaUrls: z.array(mediaUrlSchema).optional(),
  manifest: z.record(z.string(), z.unknown()).optional(),
});

/** What the receiver of `study.access_requested` answered, as far as it can be used. */
export interface AccessAnswer {
  readonly authorized: boolean;
  readonly urls: readonly string[];
  readonly error: string | null;
  readonly manifest: unknown;
  readonly problems: readonly string[];
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

function findUrlProblems(urls: readonly string[]): string[] {
  const problems: string[] = [];
  if (new Set(urls).size < urls.length) problems.push('answer: the same URL appears more than once');
  for (const url of urls) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed?.protocol === 'https:') continue;
    // A browser reads plain HTTP from the same machine only.
    if (parsed?.protocol === 'http:' && LOOPBACK.test(parsed.hostname)) continue;
    problems.push(`answer: not an https URL: ${url}`);
  }
  return problems;
}

/** Reads the reply to an access event by its documented shape. */
export function readAccessAnswer(reply: {
  status: number;
  contentType: string | null;
  text: string;
}): AccessAnswer {
  const refused = { authorized: false, urls: [], error: null, manifest: undefined };
  if (reply.status !== 200) return { ...refused, problems: [`answer: status ${reply.status}`] };
  const problems: string[] = [];
  if (!/^application\/json\s*(;|$)/i.test(reply.contentType ?? '')) {
    problems.push(`answer: content-type is ${reply.contentType ?? 'missing'}, not application/json`);
  }
  let json: unknown;
  try {
    json = JSON.parse(reply.text);
  } catch {
    return { ...refused, problems: [...problems, 'answer: not JSON'] };
  }
  const parsed = accessAnswerSchema.safeParse(json);
  if (!parsed.success) {
    const details = parsed.error.issues.map(
      (issue) => `answer: ${[...issue.path.map(String), issue.message].join(': ')}`,
    );
    return { ...refused, problems: [...problems, ...details] };
  }
  const { authorized, urls, error, manifest } = parsed.data;
  if (authorized) {
    if (urls.length === 0) problems.push('answer: authorized without any URL');
    problems.push(...findUrlProblems(urls));
  } else {
    if (urls.length > 0) problems.push('answer: URLs in a refusal');
    if (error === undefined) problems.push('answer: a refusal without error text');
  }
  return { authorized, urls: authorized ? urls : [], error: error ?? null, manifest, problems };
}
