import { PixelError } from '../../core/ports/pixel-codec.ts';
import type { PixelCodec } from '../../core/ports/pixel-codec.ts';

function unavailable(): Promise<never> {
  return Promise.reject(new PixelError('unsupported', 'Pixels are handed out as they are stored only.'));
}

/** Stands in where there is no codec: everything is handed out as it is stored, or not at all. */
export const WITHOUT_CODEC: PixelCodec = {
  canDecode: () => false,
  canTranscode: (from, to) => from === to,
  decodeFrame: unavailable,
  encodeFrame: unavailable,
  transcode: unavailable,
  close: () => Promise.resolve(),
};
