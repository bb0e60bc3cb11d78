// Numbers, times and durations as people read them. Pure, so that they are tested.

const whole = new Intl.NumberFormat("en-GB");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** Shown where there is no figure: never a zero that was not measured. */
export const NONE = "–";

const languages = new Intl.DisplayNames("en", { type: "language" });

/** `Spanish` of `es`; the code itself where it names no language. */
export function languageName(code: string): string {
  try {
    return languages.of(code) ?? code;
  } catch {
    return code;
  }
}

export function count(value: number | null): string {
  if (value === null) return NONE;
  return Math.abs(value) < 100_000 ? whole.format(Math.round(value)) : compact.format(value);
}

export function exact(value: number | null): string {
  return value === null ? NONE : whole.format(value);
}

export function decimal(value: number | null, digits = 1): string {
  return value === null
    ? NONE
    : value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function percent(value: number | null, digits = 1): string {
  return value === null ? NONE : `${decimal(value, digits)}\u00a0%`;
}

/** `+12.3`, `−4.0`, with a true minus sign. */
export function signed(value: number | null, digits = 1): string {
  if (value === null) return NONE;
  const text = decimal(Math.abs(value), digits);
  if (Number(value.toFixed(digits)) === 0) return `±${text}`;
  return value < 0 ? `−${text}` : `+${text}`;
}

/** `+12.3, between +9.1 and +15.5`: a figure and the ends of its interval. */
export function between(value: number | null, low: number | null, high: number | null): string {
  return value === null ? NONE : `${signed(value)}, between ${signed(low)} and ${signed(high)}`;
}

/** `45 s`, `12 min`, `3 h 05 min`, `2 d 4 h`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return NONE;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** How long ago: `now`, `5 min ago`, `in 2 min` where clocks disagree. */
export function ago(time: number, now: number): string {
  const seconds = (now - time) / 1000;
  if (Math.abs(seconds) < 10) return "now";
  return seconds < 0 ? `in ${duration(-seconds)}` : `${duration(seconds)} ago`;
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Local time: `8 Mar, 12:00`, with the year where it is not this one. */
export function moment(time: number, now: number): string {
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  return `${(sameYear ? day : dayYear).format(time)}, ${clock.format(time)}`;
}

const WEEK = 7 * 86_400_000;

/** How long ago within a week; the date of what is older. */
export function when(time: number, now: number): string {
  return now - time < WEEK ? ago(time, now) : moment(time, now);
}

export function spanText(from: number, to: number, now: number): string {
  return `${moment(from, now)} to ${moment(to, now)}`;
}

/** The address, where it is one of the web; anything else a platform may send is no link. */
export function webAddress(text: string | null | undefined): string | null {
  if (!text) return null;
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.toString() : null;
  } catch {
    return null;
  }
}
