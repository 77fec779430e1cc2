/** Kinds of DICOMweb request that are counted apart. */
export type DicomWebService =
  'search' | 'metadata' | 'retrieve' | 'rendered' | 'wado-uri' | 'store' | 'capabilities' | 'other';

const BY_LAST_SEGMENT: Readonly<Record<string, DicomWebService>> = {
  studies: 'search',
  series: 'search',
  instances: 'search',
  metadata: 'metadata',
  rendered: 'rendered',
  thumbnail: 'rendered',
  wado: 'wado-uri',
};

/**
 * Which service a request is for, by its method and form alone, so that unknown paths make no new label.
 * @param path below the service root, without its customer.
 */
export function serviceOf(method: string, path: string): DicomWebService {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (method === 'OPTIONS') return 'capabilities';
  const [first] = segments;
  if (method === 'POST') return first === 'studies' && segments.length <= 2 ? 'store' : 'other';
  if (method !== 'GET' && method !== 'HEAD') return 'other';
  const last = BY_LAST_SEGMENT[segments.at(-1) ?? ''];
  return last ?? (first === 'studies' ? 'retrieve' : 'other');
}
