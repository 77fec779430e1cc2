import type { DicomWebScope } from './env.ts';

/**
 * Absolute URL of the service as a whole, whatever customer the request named. URLs in prepared answers begin with it
 * and name their customer themselves, so that one answer serves every way to ask.
 */
export function serviceRootOf({ serviceUrl }: Pick<DicomWebScope, 'serviceUrl'>): string {
  return serviceUrl.replace(/\/customers\/[^/]+$/, '');
}
