/** One thing wrong with a configuration, written for whoever edits the file. */
export interface ConfigProblem {
  /** Where, as `routes[0].calledAe`; empty: the file as a whole. */
  readonly path: string;
  /** Line and column in the file, both from 1; absent where the file could not be read at all. */
  readonly line?: number;
  readonly column?: number;
  /** What stands there, as JSON, shortened; `[secret]` in place of a secret; absent where nothing does. */
  readonly value?: string;
  /** What is wrong, or what is allowed instead. */
  readonly message: string;
}

/** A configuration that cannot be used, with everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`${file} has ${count}:\n${problems.map((problem) => `  ${describeProblem(problem)}`).join('\n')}`);
    this.file = file;
    this.problems = problems;
  }
}

/** One line: `12:15 dimse.port = 70000: must be an integer from 0 to 65535`. */
export function describeProblem(problem: ConfigProblem): string {
  const position =
    problem.line === undefined
      ? ''
      : `${problem.line}${problem.column === undefined ? '' : `:${problem.column}`} `;
  const value = problem.value === undefined ? '' : ` = ${problem.value}`;
  const subject = `${problem.path}${value}`;
  return `${position}${subject === '' ? '' : `${subject}: `}${problem.message}`;
}

/** A path for people: `customers.city-medical.products[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key);
    if (!/^[\w$-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}
