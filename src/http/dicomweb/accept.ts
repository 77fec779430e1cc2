import type { Context } from 'hono';
import { HttpProblem } from '../errors.ts';
import type { DicomWebEnv } from './env.ts';

/** One media range of an Accept header or `accept` parameter. Names are in lower case. */
export interface MediaRange {
  /** `application/dicom+json`, an `image` or `any` range with asterisks; for `multipart/related` what its parts are of, see {@link isMultipart}. */
  readonly mediaType: string;
  /** It was `multipart/related; type="…"`, or a range that takes in both forms (`undefined`). */
  readonly isMultipart: boolean | undefined;
  /** UID or `*`, as it was given (PS3.18 8.7.3.5.2). */
  readonly transferSyntax?: string;
  /** All its parameters but `q`, values unquoted. */
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 to 1; 0: not acceptable. */
  readonly quality: number;
}

/** A form that a resource can be sent in. */
export interface MediaOffer {
  /** In lower case, without parameters: of the parts, where it is multipart. */
  readonly mediaType: string;
  readonly isMultipart: boolean;
  /** Transfer Syntaxes that the bytes can be in; absent: the matter does not arise. */
  readonly transferSyntaxes?: readonly string[];
}

export interface Negotiated<T extends MediaOffer> {
  readonly offer: T;
  /** What asked for it: its `transferSyntax`, if any, is one of the offer's, or `*`. */
  readonly range: MediaRange;
}

/** Longer lists are cut: nobody means them. */
const MAX_RANGES = 64;
const MAX_LENGTH = 8192;
const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const TYPE = new RegExp(`^(${TOKEN})/(${TOKEN})$`);
const PARAMETER = new RegExp(`;\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]+))`, 'g');
/** Anything goes, as for a request without an Accept header. */
const ANYTHING: MediaRange = { mediaType: '*/*', isMultipart: undefined, parameters: new Map(), quality: 1 };

/**
 * Reads a list of media ranges (RFC 9110 12.5.1). What is malformed is left out, as PS3.18 8.7.7 wants it.
 * `multipart/related; type="application/dicom"` becomes a multipart range of `application/dicom`.
 */
export function parseAccept(text: string): readonly MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const element of elementsOf(text.slice(0, MAX_LENGTH))) {
    const range = parseRange(element.trim());
    if (range !== undefined) ranges.push(range);
    if (ranges.length === MAX_RANGES) break;
  }
  return ranges;
}

/** Splits at the commas outside quotes, in one pass. */
function* elementsOf(text: string): Generator<string, void, undefined> {
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isQuoted && character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === ',' && !isQuoted) {
      yield text.slice(start, at);
      start = at + 1;
    }
  }
  yield text.slice(start);
}

function parseRange(element: string): MediaRange | undefined {
  const end = element.indexOf(';');
  const name = (end < 0 ? element : element.slice(0, end)).trim().toLowerCase();
  const [, type, subtype] = TYPE.exec(name) ?? [];
  if (type === undefined || subtype === undefined || (type === '*' && subtype !== '*')) return undefined;
  const parameters = new Map<string, string>();
  for (const [, key = '', quoted, plain] of element.matchAll(PARAMETER))
    parameters.set(key.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  const weight = parameters.get('q');
  parameters.delete('q');
  const quality =
    weight === undefined ? 1 : /^(?:0(?:\.\d*)?|1(?:\.0*)?)$/.test(weight) ? Number(weight) : undefined;
  if (quality === undefined) return undefined;
  const transferSyntax = parameters.get('transfer-syntax');
  const common = { parameters, quality, ...(transferSyntax !== undefined && { transferSyntax }) };
  if (type === 'multipart')
    return { mediaType: parameters.get('type')?.toLowerCase() ?? '*/*', isMultipart: true, ...common };
  return { mediaType: name, isMultipart: name === '*/*' ? undefined : false, ...common };
}

/**
 * The media ranges of a request, by preference: those of the `accept` query parameter are tried before those of the
 * Accept header (PS3.18 8.3.3.1). Without either, anything goes.
 */
export function acceptedBy(c: Context<DicomWebEnv>): readonly (readonly MediaRange[])[] {
  // A plus sign that was not escaped arrives as a space.
  const inQuery = (c.req.queries('accept') ?? []).map((text) => text.replace(/(\w) (json|xml)\b/g, '$1+$2'));
  const inHeader = c.req.header('accept');
  const lists: (readonly MediaRange[])[] = [];
  if (inQuery.length > 0) lists.push(parseAccept(inQuery.join(',')));
  if (inHeader !== undefined && inHeader.trim() !== '') lists.push(parseAccept(inHeader));
  return lists.length === 0 ? [[ANYTHING]] : lists;
}

/**
 * Picks the form to answer in: of those that the most specific matching range gives the highest quality, the one that
 * the sender named first, then the first offered.
 * @param offers in the order of our own preference; the first is the default.
 * @returns undefined where nothing fits.
 */
export function negotiate<T extends MediaOffer>(
  ranges: readonly MediaRange[],
  offers: readonly T[],
): Negotiated<T> | undefined {
  let best: (Negotiated<T> & { readonly place: number }) | undefined;
  for (const offer of offers) {
    const fit = bestRange(ranges, offer);
    if (fit === undefined || fit.range.quality === 0) continue;
    const isBetter =
      best === undefined ||
      fit.range.quality > best.range.quality ||
      (fit.range.quality === best.range.quality && fit.place < best.place);
    if (isBetter) best = { offer, ...fit };
  }
  return best && { offer: best.offer, range: best.range };
}

/**
 * As {@link negotiate}, for a request.
 * @throws HttpProblem 406 that names the offers.
 */
export function negotiateFor<T extends MediaOffer>(
  c: Context<DicomWebEnv>,
  offers: readonly T[],
): Negotiated<T> {
  for (const ranges of acceptedBy(c)) {
    const found = negotiate(ranges, offers);
    if (found !== undefined) return found;
  }
  throw notAcceptable(offers);
}

/** The 406 that says what there is. */
export function notAcceptable(offers: readonly MediaOffer[]): HttpProblem {
  const names = [...new Set(offers.map(nameOf))].join(', ');
  return new HttpProblem(406, {
    code: 'not-acceptable',
    detail: `This resource is available as: ${names}.`,
  });
}

/** As an Accept header would ask for it. */
function nameOf({ mediaType, isMultipart, transferSyntaxes }: MediaOffer): string {
  const name = isMultipart ? `multipart/related; type="${mediaType}"` : mediaType;
  return transferSyntaxes === undefined ? name : `${name}; transfer-syntax=${transferSyntaxes.join('|')}`;
}

/** The most specific range that the offer falls under, the first of several. */
function bestRange(
  ranges: readonly MediaRange[],
  offer: MediaOffer,
): { readonly range: MediaRange; readonly place: number } | undefined {
  let best: { readonly range: MediaRange; readonly place: number; readonly rank: number } | undefined;
  for (const [place, range] of ranges.entries()) {
    const rank = specificity(range, offer);
    if (rank !== undefined && (best === undefined || rank > best.rank)) best = { range, place, rank };
  }
  return best;
}

/** How closely a range describes an offer; undefined: it does not. */
function specificity(range: MediaRange, offer: MediaOffer): number | undefined {
  if (range.isMultipart !== undefined && range.isMultipart !== offer.isMultipart) return undefined;
  const [type = ''] = offer.mediaType.split('/');
  const named = range.mediaType === offer.mediaType ? 4 : range.mediaType === `${type}/*` ? 2 : 0;
  if (named === 0 && range.mediaType !== '*/*') return undefined;
  const { transferSyntax } = range;
  const form = range.isMultipart === true ? 1 : 0;
  if (transferSyntax === undefined) return named + form;
  if (offer.transferSyntaxes === undefined) return undefined;
  if (transferSyntax !== '*' && !offer.transferSyntaxes.includes(transferSyntax)) return undefined;
  return named + form + (transferSyntax === '*' ? 0.25 : 0.5);
}
