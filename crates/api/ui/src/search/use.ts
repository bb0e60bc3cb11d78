// Asks for the pages of a search, one behind the other.

import { useEffect, useRef, useState } from "preact/hooks";

import { getSearch, Trouble } from "../api/client";
import type { Found, SearchPage } from "../api/types";

export interface Hits {
  /** Null until the first answer. */
  posts: Found[] | null;
  last: SearchPage | null;
  loading: boolean;
  trouble: Trouble | null;
  more: () => void;
  change: (change: (post: Found) => Found) => void;
}

type Asked = Record<string, string | null>;
type Held = { key: string; posts: Found[]; last: SearchPage };

export function useSearch(query: Asked): Hits {
  const key = JSON.stringify(query);
  const [held, setHeld] = useState<Held | null>(null);
  const [loading, setLoading] = useState(true);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const asking = useRef<AbortController | null>(null);

  const ask = async (after: string | null) => {
    asking.current?.abort();
    const stop = new AbortController();
    asking.current = stop;
    setLoading(true);
    setTrouble(null);
    try {
      const page = await getSearch({ ...query, after }, stop.signal);
      if (stop.signal.aborted) return;
      setHeld((before) => {
        const earlier = after !== null && before?.key === key ? before.posts : [];
        return { key, posts: [...earlier, ...page.mentions], last: page };
      });
    } catch (error) {
      if (stop.signal.aborted) return;
      setTrouble(error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page"));
    }
    setLoading(false);
  };

  useEffect(() => {
    void ask(null);
    return () => asking.current?.abort();
  }, [key]);

  const current = held?.key === key ? held : null;
  return {
    posts: current?.posts ?? null,
    last: current?.last ?? null,
    loading,
    trouble,
    more: () => void ask(current?.last.next ?? null),
    change: (change) => setHeld((before) => before && { ...before, posts: before.posts.map(change) }),
  };
}
