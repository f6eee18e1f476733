// Numbers and times, as people read them.

const number = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "short" });

export function count(value: number): string {
  return number.format(value);
}

export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

export function when(time: string): string {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : moment.format(date);
}

export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** A cost, to as many digits as say something. */
export function dollars(cost: string): string {
  const value = Number(cost);
  return Number.isFinite(value) ? `$${value.toFixed(8).replace(/(\.\d{2}\d*?)0+$/, "$1")}` : `$${cost}`;
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * JSON with room in it, and in several lines where it is longer than one. What is no JSON stays as it is, and so does
 * what may hold a number too large for a script.
 */
export function pretty(text: string): string {
  if (/\d{16}/.test(text)) return text;
  try {
    const lines = JSON.stringify(JSON.parse(text), null, 2);
    return text.length < 72 ? lines.replaceAll(/\n\s*/g, " ") : lines;
  } catch {
    return text;
  }
}
