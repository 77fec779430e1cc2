import type { Context } from 'hono';
import { acceptedBy, negotiate, notAcceptable } from './accept.ts';
import type { MediaOffer, MediaRange } from './accept.ts';
import type { DicomWebEnv } from './env.ts';
import { acceptableSyntaxes } from './transfer-syntax-choice.ts';
import type { AcceptableSyntax } from './transfer-syntax-choice.ts';

/** In which form objects are sent, and which Transfer Syntaxes their receiver takes. */
export interface RetrieveForm {
  readonly kind: 'multipart' | 'single' | 'zip';
  readonly acceptable: readonly AcceptableSyntax[];
}

type FormOffer = MediaOffer & Pick<RetrieveForm, 'kind'>;

const MULTIPART: FormOffer = { kind: 'multipart', mediaType: 'application/dicom', isMultipart: true };
const SINGLE: FormOffer = { kind: 'single', mediaType: 'application/dicom', isMultipart: false };
const ZIP: FormOffer = { kind: 'zip', mediaType: 'application/zip', isMultipart: false };
/** The first is the default (PS3.18 8.7.3, table 8.7.3-2; 10.4.4). */
const OF_INSTANCE: readonly FormOffer[] = [MULTIPART, SINGLE];
const OF_MANY: readonly FormOffer[] = [MULTIPART, ZIP];

/** What Accept headers came to: viewers send the same with each request. */
const known = new Map<string, RetrieveForm>();
const MAX_KNOWN = 64;
const MAX_KNOWN_LENGTH = 512;

/**
 * Reads from a request how objects are to be sent.
 * @throws HttpProblem 406
 */
export function retrieveFormOf(c: Context<DicomWebEnv>, isInstance: boolean): RetrieveForm {
  const header = c.req.header('accept') ?? '';
  if (header.length > MAX_KNOWN_LENGTH || c.req.url.includes('?')) return readForm(c, isInstance);
  const key = `${isInstance ? 'instance' : 'many'} ${header}`;
  const form = known.get(key) ?? readForm(c, isInstance);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, form);
  return form;
}

function readForm(c: Context<DicomWebEnv>, isInstance: boolean): RetrieveForm {
  const offers = isInstance ? OF_INSTANCE : OF_MANY;
  for (const ranges of acceptedBy(c)) {
    // Which Transfer Syntaxes are possible depends on each object, and is decided for each.
    const chosen = negotiate(ranges.map(withoutSyntax), offers);
    if (chosen === undefined) continue;
    const matching = ranges.filter(
      (range) => negotiate([withoutSyntax(range)], [chosen.offer]) !== undefined,
    );
    return { kind: chosen.offer.kind, acceptable: acceptableSyntaxes(matching) };
  }
  throw notAcceptable(offers);
}

function withoutSyntax({ mediaType, isMultipart, parameters, quality }: MediaRange): MediaRange {
  return { mediaType, isMultipart, parameters, quality };
}
