import { onTestFinished } from 'vitest';

import type { Digester } from '../../src/core/ports/digester.ts';
import { createDigester } from '../../src/platform/digester.ts';

/** A real digester whose thread goes away with the test. Call it inside a test or a `beforeEach`. */
export function temporaryDigester(): Digester {
  const digester = createDigester();
  onTestFinished(() => digester.close());
  return digester;
}
