import { dateText } from './text.js';

/** Lines over time as inline SVG. Values are for the eye: no sum is computed from them. */
export interface Plot {
  readonly title: string;
  /** Seconds since 1970, in order. */
  readonly at: readonly number[];
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
}

const [WIDTH, HEIGHT] = [900, 260];
const MARGIN = { top: 10, right: 110, bottom: 28, left: 70 };
const COLOURS = ['#3366cc', '#dc3912', '#109618', '#990099', '#ff9900'];
const TICKS = 4;

export function plot({ title, at, lines }: Plot): string {
  if (at.length < 2) return `<figure><figcaption>${title}</figcaption><p>There is too little to draw.</p></figure>`;
  const values = lines.flatMap((line) => line.values);
  const [low, high] = [Math.min(0, ...values), Math.max(1e-9, ...values)];
  const [first, last] = [Math.min(...at), Math.max(...at)];
  const x = (time: number): number =>
    MARGIN.left + ((time - first) / (last - first || 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    HEIGHT - MARGIN.bottom - ((value - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const labels = spread(lines.map(({ values: points }) => y(points.at(-1) ?? 0)));
  const drawn = lines.map(({ name, values: points }, place) => {
    const colour = COLOURS[place % COLOURS.length];
    const path = points.map((value, step) => `${x(at[step] ?? last).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const [left, top] = [WIDTH - MARGIN.right + 8, (labels[place] ?? 0) + 4];
    const label = `<text x="${left}" y="${top}" style="fill:${colour}">${name}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${label}`;
  });
  const rows = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const value = low + ((high - low) * tick) / TICKS;
    const line = `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}"/>`;
    return `${line}<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`;
  });
  const times = [first, last].map((time, place) => {
    const anchor = place === 0 ? 'start' : 'end';
    const date = dateText(time).slice(0, 16).replace('T', ' ');
    return `<text x="${x(time)}" y="${HEIGHT - 8}" text-anchor="${anchor}">${date}</text>`;
  });
  return (
    `<figure><figcaption>${title}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">` +
    `<g stroke="#8884">${rows.join('')}</g>${times.join('')}${drawn.join('')}</svg></figure>`
  );
}

/** Labels that would lie on each other are moved apart. */
function spread(places: readonly number[]): number[] {
  const moved = [...places];
  const order = places.map((_, place) => place).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
  for (const [step, place] of order.entries()) {
    const before = step === 0 ? -Infinity : (moved[order[step - 1] as number] ?? 0);
    moved[place] = Math.max(moved[place] ?? 0, before + 14);
  }
  return moved;
}

function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return size >= 100 ? value.toFixed(0) : value.toFixed(2);
}
