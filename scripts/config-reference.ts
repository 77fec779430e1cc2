import type { JsonSchemaNode } from '../src/config/schema.ts';
import { configJsonSchema, configSchema } from '../src/config/schema.ts';

/** Lines of docs/configuration.md between which the reference stands. */
export const REFERENCE_START =
  '<!-- generated from config.schema.json by `npm run docs:config`: do not edit -->';
export const REFERENCE_END = '<!-- end of the generated part -->';

interface ReferenceNode extends JsonSchemaNode {
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly minItems?: number;
  readonly minLength?: number;
  readonly properties?: Readonly<Record<string, ReferenceNode>>;
  readonly additionalProperties?: ReferenceNode | boolean;
  readonly items?: ReferenceNode;
  readonly anyOf?: readonly ReferenceNode[];
}

interface Setting {
  readonly path: string;
  readonly node: ReferenceNode;
  readonly isRequired: boolean;
  /** What a file that leaves it out gets; undefined: nothing. */
  readonly fallback: unknown;
}

/** Stands for a customer's key in paths. */
const ANY_KEY = '<key>';
const EXAMPLE_CUSTOMER = { expressCustomerId: `cus_${'0'.repeat(32)}` };

/** Every setting of the schema as Markdown tables, one per top-level setting. */
export function configReference(): string {
  const root = configJsonSchema() as ReferenceNode;
  // JSON Schema loses some defaults, so they are read from what the schema makes of the least possible file.
  const completed: unknown = configSchema.parse({ customers: { [ANY_KEY.slice(1, -1)]: EXAMPLE_CUSTOMER } });
  const settings = settingsBelow('', root, completed);
  const sections = Object.keys(root.properties ?? {}).filter((name) => name !== '$schema');
  return sections
    .map((name) => sectionText(name, root.properties?.[name] ?? {}, settings.filter(isBelow(name))))
    .join('\n\n');
}

/** @throws Error where the text has no place for the reference. */
export function insertReference(document: string, reference: string): string {
  const start = document.indexOf(REFERENCE_START);
  const end = document.indexOf(REFERENCE_END);
  if (start < 0 || end < start)
    throw new Error('docs/configuration.md lacks the marks of the generated part');
  return `${document.slice(0, start + REFERENCE_START.length)}\n\n${reference}\n\n${document.slice(end)}`;
}

function isBelow(section: string): (setting: Setting) => boolean {
  return ({ path }) => path === section || path.startsWith(`${section}.`) || path.startsWith(`${section}[`);
}

function sectionText(name: string, node: ReferenceNode, settings: readonly Setting[]): string {
  const rows = settings.map(
    ({ path, node: setting, isRequired, fallback }) =>
      `| \`${path}\` | ${cell(typeText(setting))} | ${isRequired ? 'required' : fallbackText(fallback)} | ${cell(setting.description ?? '')} |`,
  );
  return [
    `### \`${name}\``,
    '',
    ...(settings[0]?.path === name ? [] : [node.description ?? '', '']),
    '| Key | Type | Default | Meaning |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function settingsBelow(prefix: string, node: ReferenceNode, completed: unknown): Setting[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const value = memberOf(completed, key);
    const setting = {
      path,
      node: child,
      isRequired: node.required?.includes(key) === true,
      fallback: child.default ?? value,
    };
    const members = membersOf(path, child, value);
    // A section of its own has its description as the introduction.
    return child.type === 'object' && prefix === '' && child.properties !== undefined
      ? members
      : [setting, ...members];
  });
}

function membersOf(path: string, node: ReferenceNode, completed: unknown): Setting[] {
  if (node.properties !== undefined) return settingsBelow(path, node, completed);
  if (typeof node.additionalProperties === 'object') {
    const value = memberOf(completed, ANY_KEY.slice(1, -1));
    return settingsBelow(`${path}.${ANY_KEY}`, node.additionalProperties, value);
  }
  if (node.items?.properties !== undefined) return settingsBelow(`${path}[]`, node.items, undefined);
  const object = node.anyOf?.find((one) => one.properties !== undefined);
  return object === undefined ? [] : settingsBelow(path, object, undefined);
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function fallbackText(fallback: unknown): string {
  if (fallback === undefined) return '–';
  const isEmptyObject =
    typeof fallback === 'object' &&
    fallback !== null &&
    Object.keys(fallback).length === 0 &&
    !Array.isArray(fallback);
  return isEmptyObject ? '–' : `\`${JSON.stringify(fallback)}\``;
}

function typeText(node: ReferenceNode): string {
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeText))].join(' or ');
  if (node.enum !== undefined) return node.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  if (Array.isArray(node.type)) return node.type.join(' or ');
  switch (node.type) {
    case 'array':
      return `list of ${itemsText(node.items ?? {})}`;
    case 'integer':
    case 'number':
      return rangeText(node);
    case 'string':
      return node.minLength !== undefined && node.minLength > 1
        ? `string of ${node.minLength} characters or more`
        : 'string';
    default:
      return typeof node.type === 'string' ? node.type : 'any';
  }
}

function itemsText(items: ReferenceNode): string {
  if (items.properties !== undefined) return 'objects';
  return items.enum === undefined && items.type === 'string' ? 'strings' : typeText(items);
}

function rangeText({ type, minimum, maximum }: ReferenceNode): string {
  const word = type === 'integer' ? 'whole number' : 'number';
  if (minimum === undefined) return word;
  const top = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? ' or more' : ` to ${maximum}`;
  return `${word}, ${minimum}${top}`;
}

function cell(text: string): string {
  return text.replace(/[|*<]/g, '\\$&');
}
