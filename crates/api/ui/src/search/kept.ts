// What a search can not find because it is no longer kept, in words. Pure.

import type { Removed } from "../api/types";
import { moment } from "../format";

const and = new Intl.ListFormat("en-GB", { type: "conjunction" });

/** A sentence for each time before which posts went, the latest first; the platforms of one brand. */
export function noLongerKept(removed: Removed[], now: number): string[] {
  const platforms = new Map<number, string[]>();
  for (const { platform, to } of removed) {
    const time = Date.parse(to);
    platforms.set(time, [...(platforms.get(time) ?? []), platform]);
  }
  const latest = [...platforms].sort(([a], [b]) => b - a);
  return latest.map(([time, on]) => `Posts on ${and.format(on)} from before ${moment(time, now)} are no longer kept.`);
}
