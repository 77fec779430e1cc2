import type { Clock } from '../ports/clock.ts';
import type { UploadUrls } from '../ports/upload-urls.ts';
import type { KeyRing } from './object-token.ts';
import { signUploadToken } from './upload-token.ts';

export interface UploadUrlsOptions {
  /** Where the public listener is reached from outside; may hold a path. */
  readonly publicUrl: () => string;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly lifetimeSeconds: number;
}

/** Makes signed upload URLs, `<publicUrl>/uploads/<study>?token=…`. */
export function createUploadUrls({ publicUrl, keys, clock, lifetimeSeconds }: UploadUrlsOptions): UploadUrls {
  return {
    forStudy(study, expected) {
      const expiresAtSeconds = Math.floor(clock.now() / 1000) + lifetimeSeconds;
      const token = signUploadToken(keys.current(), { study, ...expected }, expiresAtSeconds);
      return `${publicUrl().replace(/\/+$/, '')}/uploads/${study.studyInstanceUid}?token=${token}`;
    },
  };
}
