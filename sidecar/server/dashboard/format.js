// Numbers as people read them: always the same digits after the point, so that columns stand still.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Stands where there is no number. */
export const NOTHING = "–";

/** 12,345 */
export function count(value) {
  return value === undefined || value === null ? NOTHING : whole.format(value);
}

/** 12.3 */
export function tenth(value) {
  return value === undefined || value === null ? NOTHING : tenths.format(value);
}

/** 12.3 ms */
export function ms(value) {
  return value === undefined || value === null ? NOTHING : `${tenths.format(value)} ms`;
}

/** 41.2 MB */
export function megabytes(bytes) {
  return bytes === undefined || bytes === null ? NOTHING : `${tenths.format(bytes / 1e6)} MB`;
}

/** 7 s, 4 min 07 s, 3 h 04 min, 2 d 03 h */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86400)} d ${two(Math.floor((s % 86400) / 3600))} h`;
}

/** 14:03:27 on this computer's clock */
export function clock(seconds) {
  return new Date(1000 * seconds).toLocaleTimeString("en-GB");
}

/** The value that `share` of the numbers do not exceed (nearest rank); undefined for none. */
export function quantile(numbers, share) {
  if (numbers.length === 0) {
    return undefined;
  }
  const ordered = Float64Array.from(numbers).sort();
  return ordered[Math.min(ordered.length, Math.max(1, Math.ceil(share * ordered.length))) - 1];
}
