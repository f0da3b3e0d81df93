import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { BodiesInFlight } from './bodies-in-flight.js';
import { TalerError } from './taler-error.js';

const bytes = (length: number): Buffer => Buffer.alloc(length, 'x');
/** What became of it: the length of a body, or a status. */
const outcome = (reading: Promise<Buffer>): Promise<number | string> =>
  reading.then(
    ({ length }) => `${length} bytes`,
    (error: unknown) => (error instanceof TalerError ? error.status : String(error)),
  );

/** A body whose first bytes have come. */
async function begun(bodies: BodiesInFlight, length: number) {
  const stream = new PassThrough();
  const done = outcome(bodies.read(stream, undefined));
  const taken = new Promise((resolve) => stream.once('data', resolve));
  stream.write(bytes(length));
  await taken;
  return { stream, done };
}

test('a body is read whole, up to its limit, and as long as it was announced', async () => {
  const bodies = new BodiesInFlight(10, 100);
  const read = (length: number, announced?: number) => {
    const stream = new PassThrough();
    stream.end(bytes(length));
    return outcome(bodies.read(stream, announced));
  };
  expect(await Promise.all([read(10), read(10, 10), read(0)])).toEqual(['10 bytes', '10 bytes', '0 bytes']);
  expect(await Promise.all([read(11), read(9, 11), read(9, 10)])).toEqual([413, 413, 400]);
});

test('when all together are too many bytes the largest is refused, and the others are heard', async () => {
  const bodies = new BodiesInFlight(100, 100);
  const large = await begun(bodies, 60);
  const small = await begun(bodies, 10);
  const third = await begun(bodies, 30);
  const fourth = await begun(bodies, 1);
  expect(await large.done).toBe(503);
  for (const { stream } of [small, third, fourth]) stream.end(bytes(2));
  expect(await Promise.all([small.done, third.done, fourth.done])).toEqual(['12 bytes', '32 bytes', '3 bytes']);
});

test('what has ended, well or not, takes no room any more', async () => {
  const bodies = new BodiesInFlight(100, 100);
  for (let round = 0; round < 5; round += 1) {
    const [whole, broken] = [await begun(bodies, 45), await begun(bodies, 45)];
    whole.stream.end();
    broken.stream.destroy(new Error('gone'));
    expect(await Promise.all([whole.done, broken.done])).toEqual(['45 bytes', 'Error: gone']);
    const late = await begun(bodies, 101);
    expect(await late.done).toBe(413);
  }
});
