import type { Hono } from 'hono';
import { QUERY_ATTRIBUTES } from '../../core/query/attributes.ts';
import type { DicomWebEnv } from './env.ts';
import { serviceOf } from './service-of.ts';
import type { DicomWebService } from './service-of.ts';

/** What can be done with one resource. */
interface CapableMethod {
  readonly name: string;
  readonly service: DicomWebService;
  /** Query parameters. */
  readonly parameters: readonly string[];
  /** Media types that it takes. */
  readonly accepts: readonly string[];
  /** Media types that it answers in. */
  readonly answers: readonly string[];
}

interface CapableResource {
  /** URI template relative to the service, such as `studies/{study}/series`. */
  readonly path: string;
  readonly methods: readonly CapableMethod[];
}

/** The service described for machines (PS3.18 8.9 and Annex H). */
export interface Capabilities {
  /** Forms that it can be sent in, the default first. */
  readonly offers: readonly { readonly mediaType: string; readonly isMultipart: false }[];
  /** @param serviceUrl without a slash at its end. */
  write(mediaType: string, serviceUrl: string): string;
}

const WADL = 'application/vnd.sun.wadl+xml';
const DICOM_JSON = 'application/dicom+json';
const MULTIPART_DICOM = 'multipart/related; type="application/dicom"';
const MULTIPART_BYTES = 'multipart/related; type="application/octet-stream"';
const MULTIPART_XML = 'multipart/related; type="application/dicom+xml"';
const SEARCH_PARAMETERS = [
  'fuzzymatching',
  'emptyvaluematching',
  'multiplevaluematching',
  'includefield',
  'limit',
  'offset',
];
const ANSWERS: Readonly<Partial<Record<DicomWebService, readonly string[]>>> = {
  search: [DICOM_JSON, 'application/json', MULTIPART_XML],
  metadata: [DICOM_JSON, 'application/json'],
  rendered: ['image/jpeg', 'image/png'],
  store: [DICOM_JSON],
};
const LEVELS = ['study', 'series', 'instance'];

/** Describes the routes as they are registered. */
export function createCapabilities(routes: readonly Hono<DicomWebEnv>[]): Capabilities {
  const resources = resourcesOf(routes);
  return {
    offers: [WADL, 'application/xml', 'application/json'].map((mediaType) => ({
      mediaType,
      isMultipart: false,
    })),
    write: (mediaType, serviceUrl) =>
      mediaType === 'application/json'
        ? JSON.stringify({ service: serviceUrl, resources })
        : wadlOf(serviceUrl, resources),
  };
}

function resourcesOf(routes: readonly Hono<DicomWebEnv>[]): readonly CapableResource[] {
  const byPath = new Map<string, Map<string, CapableMethod>>();
  for (const { method, path } of routes.flatMap((app) => app.routes)) {
    if (method === 'ALL' || path.includes('*')) continue;
    const template = path.replace(/:(\w+)(?:\{[^/]*\})?\??/g, '{$1}').replace(/^\//, '');
    const methods = byPath.get(template) ?? new Map<string, CapableMethod>();
    byPath.set(template, methods.set(method, describe(method, path)));
  }
  return [...byPath].map(([path, methods]) => ({ path, methods: [...methods.values()] }));
}

function describe(name: string, path: string): CapableMethod {
  const service = serviceOf(name, path);
  return {
    name,
    service,
    parameters: service === 'search' ? [...keysOf(path), ...SEARCH_PARAMETERS] : [],
    accepts: service === 'store' ? [MULTIPART_DICOM] : [],
    answers: service === 'retrieve' ? retrievedAs(path) : (ANSWERS[service] ?? []),
  };
}

/** Frames and bulk data are bytes; images of compressed frames have media types of their own besides. */
function retrievedAs(path: string): readonly string[] {
  if (/\/(?:frames|bulkdata)\//.test(path)) return [MULTIPART_BYTES];
  return path.endsWith('/:instance')
    ? [MULTIPART_DICOM, 'application/dicom']
    : [MULTIPART_DICOM, 'application/zip'];
}

/** Keys of the search on a resource, which ends in the name of its level. */
function keysOf(path: string): readonly string[] {
  const level = path.endsWith('/studies') ? 0 : path.endsWith('/series') ? 1 : 2;
  return QUERY_ATTRIBUTES.filter((one) => one.isKey && LEVELS.indexOf(one.level) <= level).map(
    ({ keyword, sequence }) => (sequence === undefined ? keyword : `${sequence.keyword}.${keyword}`),
  );
}

function wadlOf(serviceUrl: string, resources: readonly CapableResource[]): string {
  const types = (mediaTypes: readonly string[]): string =>
    mediaTypes.map((mediaType) => `<representation mediaType="${escapeXml(mediaType)}"/>`).join('');
  const methods = (resource: CapableResource): string =>
    resource.methods
      .map(({ name, service, parameters, accepts, answers }) => {
        const params = parameters.map((key) => `<param name="${key}" style="query"/>`).join('');
        const request = params + types(accepts);
        return (
          `<method name="${name}" id="${service}-${resource.path.replace(/\W+/g, '-')}">` +
          (request === '' ? '' : `<request>${request}</request>`) +
          (answers.length === 0 ? '' : `<response status="200">${types(answers)}</response>`) +
          '</method>'
        );
      })
      .join('');
  const described = resources
    .map((resource) => `<resource path="${escapeXml(resource.path)}">${methods(resource)}</resource>`)
    .join('');
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    `<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="${escapeXml(serviceUrl)}/">${described}</resources></application>`
  );
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
