import { PixelError } from '../../core/ports/pixel-codec.ts';
import { HttpProblem } from '../errors.ts';

const RETRY_AFTER_SECONDS = '2';

/**
 * What a client is told where pixels cannot be had in the form that it wants. The object itself can still be retrieved
 * as it is stored, so that is what 406 says (PS3.18 8.5).
 * @returns undefined for other errors.
 */
export function pixelProblem(error: unknown): HttpProblem | undefined {
  if (!(error instanceof PixelError)) return undefined;
  const { code, message } = error;
  switch (code) {
    case 'no-such-frame':
      return new HttpProblem(404, { code, detail: message, cause: error });
    case 'too-large':
      return new HttpProblem(413, { code, detail: message, cause: error });
    case 'busy':
      return new HttpProblem(503, {
        code,
        detail: message,
        headers: { 'Retry-After': RETRY_AFTER_SECONDS },
        cause: error,
      });
    case 'no-pixels':
    case 'unsupported':
    case 'damaged':
      return new HttpProblem(406, {
        code,
        detail: `${message} The object is available as it is stored: application/dicom; transfer-syntax=*.`,
        cause: error,
      });
  }
}
