// Posts that say nearly the same stand under one of them.

import type { Mention } from "../api/types";

export interface Story {
  /** The first of it in the list. */
  post: Mention;
  /** The others, in the list's order. */
  like: Mention[];
}

/** Folds posts of one story into the first of them; the order of the firsts stays. */
export function fold(posts: readonly Mention[]): Story[] {
  const stories = new Map<string, Story>();
  for (const post of posts) {
    const id = post.story ?? post.id;
    const story = stories.get(id);
    if (story) story.like.push(post);
    else stories.set(id, { post, like: [] });
  }
  return [...stories.values()];
}
