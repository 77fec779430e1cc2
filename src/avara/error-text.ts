/** Longest message taken from an error response, characters. */
export const MAX_MESSAGE_LENGTH = 500;

/** Shorter values are not hidden: they would black out ordinary words and identify nobody. */
const MIN_HIDDEN_LENGTH = 3;
const HIDDEN = '[…]';

/**
 * The part of an error response that is meant for people. Avara documents no schema; a `message` (or `error`) is used
 * where the body is JSON that has one, else the body itself.
 * @param body response text; may be empty or not JSON.
 * @param hidden values that must not show: the API key, and what the request said of the patient.
 * @returns one line of at most {@link MAX_MESSAGE_LENGTH} characters; empty where the body says nothing.
 */
export function describeErrorBody(body: string, hidden: readonly string[]): string {
  return limitLength(hideValues(oneLine(pickMessage(body)), hidden), MAX_MESSAGE_LENGTH);
}

/** Replaces every occurrence of the values, longest first and whatever their case. */
export function hideValues(text: string, values: readonly string[]): string {
  const wanted = new Set(
    values
      .flatMap((value) => [value, oneLine(value), JSON.stringify(value).slice(1, -1)])
      .filter((value) => value.trim().length >= MIN_HIDDEN_LENGTH),
  );
  if (wanted.size === 0) return text;
  const alternatives = [...wanted].sort((a, b) => b.length - a.length).map(escapeForRegExp);
  return text.replace(new RegExp(alternatives.join('|'), 'giu'), HIDDEN);
}

function pickMessage(body: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return body;
  }
  return messageOf(parsed) ?? body;
}

function messageOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const name of ['message', 'error']) {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (typeof member === 'string' && member !== '') return member;
    if (typeof member === 'object' && member !== null) return messageOf(member) ?? JSON.stringify(member);
  }
  return undefined;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}

function limitLength(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // A cut between the halves of a surrogate pair would leave a character that cannot be stored.
  return text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '') + '…';
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
