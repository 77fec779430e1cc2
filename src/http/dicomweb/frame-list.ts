import { HttpProblem } from '../errors.ts';

/** Frames that one request may ask for. */
const MAX_FRAMES = 10_000;

/**
 * Reads a list of frame numbers (PS3.18 10.1.5), in the order that it is in.
 * @throws HttpProblem 400 for anything but numbers from 1 with commas between them.
 */
export function parseFrameList(text: string): readonly number[] {
  const frames = text.split(',').map((part) => (/^\d{1,9}$/.test(part.trim()) ? Number(part) : 0));
  if (frames.includes(0))
    throw new HttpProblem(400, {
      code: 'bad-frame-list',
      detail: 'Frames are numbers from 1, with commas between them.',
    });
  if (frames.length > MAX_FRAMES)
    throw new HttpProblem(400, {
      code: 'too-many-frames',
      detail: `One request may ask for ${MAX_FRAMES} frames.`,
    });
  return frames;
}
