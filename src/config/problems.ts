import type { z } from 'zod';
import type { JsonSchemaNode } from './schema.ts';

export type Path = readonly PropertyKey[];

/** A problem before its position and shown value are looked up. */
export interface RawProblem {
  readonly path: Path;
  readonly message: string;
  /** A reference could not be replaced; what else is wrong with the value then only follows from that. */
  readonly isReference?: boolean;
  /** The value is not shown: under a misspelt name it may be a secret. */
  readonly hidesValue?: boolean;
}

/** Turns what zod found into problems whose messages say what is allowed. */
export function problemsOfIssues(
  issues: readonly z.core.$ZodIssue[],
  jsonSchema: JsonSchemaNode,
): readonly RawProblem[] {
  return issues.flatMap((issue): RawProblem[] => {
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(schemaAt(jsonSchema, issue.path)?.properties ?? {});
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: `no such setting; ${suggestion(key, known)}`,
        hidesValue: true,
      }));
    }
    if (issue.code === 'invalid_key') {
      const reason = issue.issues[0]?.message ?? 'must be a valid name';
      return [{ path: issue.path, message: `this name ${reason}` }];
    }
    const node = schemaAt(jsonSchema, issue.path);
    const allowed = node === undefined ? undefined : allowedText(node);
    if (issue.code === 'invalid_type' && issue.input === undefined) {
      return [{ path: issue.path, message: `is required${allowed === undefined ? '' : `: ${allowed}`}` }];
    }
    const isBuiltIn = ['invalid_type', 'invalid_value', 'too_small', 'too_big'].includes(issue.code);
    const hasOwnMessage = issue.message.startsWith('must ');
    return [
      {
        path: issue.path,
        message: hasOwnMessage || !isBuiltIn || allowed === undefined ? issue.message : `must be ${allowed}`,
      },
    ];
  });
}

/** The nearest of `known` names, for "did you mean"; undefined where none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** `did you mean "port"?`, or the names there are. */
export function suggestion(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  if (known.length === 0) return 'there is none to choose from';
  return `allowed here: ${known.filter((key) => key !== '$schema').join(', ')}`;
}

function schemaAt(root: JsonSchemaNode, path: Path): JsonSchemaNode | undefined {
  let node: JsonSchemaNode | undefined = root;
  for (const key of path) {
    if (node === undefined) return undefined;
    const branch: JsonSchemaNode = node.anyOf?.find((option) => option.properties ?? option.items) ?? node;
    const additional: JsonSchemaNode | undefined =
      typeof branch.additionalProperties === 'object' ? branch.additionalProperties : undefined;
    node = typeof key === 'number' ? branch.items : (branch.properties?.[String(key)] ?? additional);
  }
  return node?.anyOf?.find((option) => option.properties) ?? node;
}

function allowedText(node: JsonSchemaNode): string | undefined {
  if (node.enum !== undefined) return `one of ${node.enum.map((value) => JSON.stringify(value)).join(', ')}`;
  if (node.anyOf !== undefined) {
    const options = node.anyOf.map(allowedText).filter((text) => text !== undefined);
    return options.length === 0 ? undefined : options.join(', or ');
  }
  if (Array.isArray(node.type)) return node.type.join(' or ');
  switch (node.type) {
    case 'integer':
    case 'number':
      return `${node.type === 'integer' ? 'a whole number' : 'a number'}${rangeText(node)}`;
    case 'string':
      return 'a string';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list, in [ ]';
    case 'object':
      return 'an object, in { }';
    default:
      return typeof node.type === 'string' ? node.type : undefined;
  }
}

function rangeText({ minimum, maximum }: JsonSchemaNode): string {
  if (minimum === undefined) return maximum === undefined ? '' : ` up to ${maximum}`;
  return maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER
    ? `, at least ${minimum}`
    : ` from ${minimum} to ${maximum}`;
}

/** Levenshtein distance, with neighbours swapped counted as one edit. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + substitution,
      );
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && isSwap) best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
