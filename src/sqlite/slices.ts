/** Instances of a series, in any order, those of one place together. */
export interface Slices {
  readonly sopUids: readonly string[];
  readonly numbers: readonly (number | undefined)[];
  readonly kinds: readonly string[];
}

/** @param sopUids and the others: lists with commas between. */
export function slicesOf(sopUids: string, numbers: string, kinds: string): Slices {
  return {
    sopUids: sopUids.split(','),
    numbers: numbers.split(',').map((number) => (number === '' ? undefined : Number(number))),
    kinds: kinds.split(','),
  };
}

/** Places as SQL orders what stands there: those without a number last, then by UID. */
export function orderOf({ sopUids, numbers }: Slices): readonly number[] {
  return (
    orderOfNumbers(numbers) ??
    Array.from(sopUids.keys()).sort((a, b) => {
      const { [a]: first = Infinity, [b]: second = Infinity } = numbers;
      if (first !== second) return first - second;
      return (sopUids[a] ?? '') < (sopUids[b] ?? '') ? -1 : 1;
    })
  );
}

/** The same where numbers are small and all different, as they mostly are, in a third of the time: sorted as plain numbers. */
function orderOfNumbers(numbers: readonly (number | undefined)[]): readonly number[] | undefined {
  const count = numbers.length;
  const keys = new Float64Array(count);
  for (const [place, number = Infinity] of numbers.entries()) {
    if (!(Math.abs(number) < 2 ** 31 && count < 2 ** 21)) return undefined;
    keys[place] = number * count + place;
  }
  keys.sort();
  const order: number[] = [];
  let last = -Infinity;
  for (const key of keys) {
    const number = Math.floor(key / count);
    if (number === last) return undefined;
    last = number;
    order.push(key - number * count);
  }
  return order;
}
