const texts = new WeakMap<object, string>();

/** Notes the JSON of an answer that is long and was made along with it, so that it need not be made again. */
export function withText<T extends object>(answer: T, text: string): T {
  texts.set(answer, text);
  return answer;
}

/** What {@link withText} noted. */
export function textOf(answer: unknown): string | undefined {
  return typeof answer === 'object' && answer !== null ? texts.get(answer) : undefined;
}
