// Posts that this page was asked to forget: its lists hold them until it is loaded again, and do not show them.

import { useEffect, useState } from "preact/hooks";

import type { Mention } from "../api/types";
import { accountOf, type Named } from "./request";

/** Accounts and ids. */
const names = new Set<string>();
const changes = new EventTarget();

export function hide(post: Mention, named: Named): void {
  names.add(named === "author" ? accountOf(post) : post.id);
  changes.dispatchEvent(new Event("change"));
}

const isHidden = (post: Mention) => names.has(post.id) || names.has(accountOf(post));

export function useHidden(post: Mention): boolean {
  const [, look] = useState(0);
  useEffect(() => {
    const changed = () => look((n) => n + 1);
    changes.addEventListener("change", changed);
    return () => changes.removeEventListener("change", changed);
  }, []);
  return isHidden(post);
}
