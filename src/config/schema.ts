import { z } from 'zod';
import { access } from './sections/access.ts';
import { admin } from './sections/admin.ts';
import { alerts } from './sections/alerts.ts';
import { audit } from './sections/audit.ts';
import { avara } from './sections/avara.ts';
import { customer } from './sections/customer.ts';
import { dicomWeb } from './sections/dicom-web.ts';
import { dimse } from './sections/dimse.ts';
import { folderSchema } from './sections/folders.ts';
import { http } from './sections/http.ts';
import { log } from './sections/log.ts';
import { retention } from './sections/retention.ts';
import { routeSchema } from './sections/routes.ts';
import { storage } from './sections/storage.ts';
import { studies } from './sections/studies.ts';
import { customerKey, filePath } from './sections/values.ts';

/** The configuration file, after `${…}` references were replaced. Cross-checks are in cross-checks.ts. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe('For editors: path or URL of config.schema.json.'),
    dataDir: filePath
      .default('./data')
      .describe('Folder of objects, index and keys. Relative paths start at the config file’s folder.'),
    dimse,
    http,
    admin,
    avara,
    customers: z
      .record(customerKey, customer)
      .refine((record) => Object.keys(record).length > 0, 'must hold at least one customer')
      .describe('Express customers by a key of your choice (also a folder name): a-z, 0-9, "-", "_".'),
    routes: z.array(routeSchema).default([]).describe('Which sender belongs to which customer.'),
    folders: z.array(folderSchema).default([]).describe('Watched folders.'),
    studies,
    access,
    dicomWeb,
    storage,
    retention,
    alerts,
    audit,
    log,
  })
  .describe('Configuration of avara-ingest.');

/** What the schema makes of a file, before paths and customer overrides are resolved. */
export type ParsedConfig = z.output<typeof configSchema>;

/** Names of the top-level sections. */
export type SectionName = Exclude<keyof ParsedConfig, '$schema'>;

/** The published JSON Schema (2020-12), describing the file as it is written. */
export function configJsonSchema(): JsonSchemaNode {
  const generated = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  const { $schema, ...rest } = generated as JsonSchemaNode & { $schema?: string };
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'avara-ingest configuration',
    ...rest,
  };
}

/** The part of JSON Schema that zod emits for {@link configSchema}. */
export interface JsonSchemaNode {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly additionalProperties?: JsonSchemaNode | boolean;
  readonly items?: JsonSchemaNode;
  readonly anyOf?: readonly JsonSchemaNode[];
}
