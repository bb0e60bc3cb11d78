// The newest posts, live. What a person reads stays where it is: newer posts wait behind a button while the list is
// paused, scrolled, pointed at or focused.

import { useState } from "preact/hooks";

import type { Label, Mention } from "../api/types";
import { Loading, TroubleNote } from "../parts/states";
import { PolarityTag } from "../parts/polarity";
import { count, languageName, moment, percent, webAddress, when } from "../format";
import { useScene } from "../state/context";
import { ByPeople, Correct } from "./correct";
import { useFeed } from "./feed";
import { useHidden } from "./hidden";
import { marked } from "../search/mark";
import { fold, type Story } from "./stories";

export function Posts() {
  const { live } = useScene();
  const [paused, setPaused] = useState(false);
  const [reading, setReading] = useState(false);
  const feed = useFeed(paused || reading);

  const scrolled = (event: Event) => setReading((event.currentTarget as HTMLElement).scrollTop > 8);
  return (
    <section class="panel w4 tall" aria-labelledby="posts-title">
      <header>
        <h2 id="posts-title">Newest posts</h2>
        <span class="small soft" role="status">
          {live ? feed.note : "up to the end of the span"}
        </span>
        {live && (
          <div class="actions">
            <button type="button" class="button quiet" aria-pressed={paused} onClick={() => setPaused(!paused)}>
              {paused ? "Resume" : "Pause"}
            </button>
          </div>
        )}
      </header>
      {feed.waiting > 0 && (
        <button type="button" class="fresh" onClick={feed.release}>
          Show {count(feed.waiting)} new {feed.waiting === 1 ? "post" : "posts"}
        </button>
      )}
      {feed.trouble && <TroubleNote trouble={feed.trouble} />}
      {!feed.posts && !feed.trouble && <Loading />}
      {feed.posts && feed.posts.length === 0 && (
        <p class="soft">No posts yet. They appear here as soon as a source gives one.</p>
      )}
      {feed.posts && feed.posts.length > 0 && (
        <ol
          class="posts"
          tabIndex={0}
          aria-label="Newest posts"
          onScroll={scrolled}
          onPointerEnter={() => setReading(true)}
          onPointerLeave={() => setReading(false)}
          onFocusIn={() => setReading(true)}
          onFocusOut={() => setReading(false)}
        >
          {fold(feed.posts).map((story) => (
            <Told key={story.post.id} story={story} label={feed.label} />
          ))}
        </ol>
      )}
    </section>
  );
}

/** A post, and behind a button those that say nearly the same. */
function Told({ story, label }: { story: Story; label: (label: Label) => void }) {
  const [open, setOpen] = useState(false);
  const more = story.like.length;
  return (
    <>
      <Post post={story.post} label={label} />
      {more > 0 && (
        <li>
          <button type="button" class="button quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Hide" : "and"} {count(more)} like it
          </button>
        </li>
      )}
      {open && story.like.map((post) => <Post key={post.id} post={post} label={label} />)}
    </>
  );
}

/** Above this probability a post is shown as hostile. */
const HOSTILE = 0.5;
/** Above this one as what may be ironic: at 0.5 the model says so of nearly every second post. */
const IRONIC = 0.8;

function Labels({ post }: { post: Mention }) {
  const hostile = post.hostility !== null && post.hostility >= HOSTILE;
  const ironic = post.irony !== null && post.irony >= IRONIC;
  return (
    <>
      {hostile && <span title={`probability ${percent((post.hostility ?? 0) * 100, 0)}`}>hostile</span>}
      {ironic && <span title={`probability ${percent((post.irony ?? 0) * 100, 0)}`}>may be ironic</span>}
      {post.themes.map((theme) => (
        <span key={theme}>{theme}</span>
      ))}
      {post.language && post.language !== "en" && <span>{languageName(post.language)}</span>}
    </>
  );
}

/** `marks`: what a search found in it, as ranges of its characters. */
export function Post({
  post,
  label,
  marks = [],
}: {
  post: Mention;
  label: (label: Label) => void;
  marks?: [number, number][];
}) {
  const { now } = useScene();
  const hidden = useHidden(post);
  const created = Date.parse(post.created_at);
  const link = webAddress(post.url);
  const time = (
    <time dateTime={post.created_at} title={moment(created, now)}>
      {when(created, now)}
    </time>
  );
  if (hidden) return <li class="post soft">This post is to be forgotten, as it was asked for.</li>;
  return (
    <li class="post">
      <div class="meta">
        <PolarityTag polarity={post.polarity} confidence={post.confidence} />
        <b title={`@${post.author}`}>{post.author_name ?? post.author}</b>
        {post.team && <span>team</span>}
        <Labels post={post} />
        <ByPeople post={post} />
        <span>{post.space ? `${post.platform} · ${post.space}` : post.platform}</span>
        <span class="when">
          {link ? (
            <a
              href={link}
              target="_blank"
              rel="noopener noreferrer"
              aria-label={`Open this post by ${post.author}, ${when(created, now)}`}
            >
              {time}
            </a>
          ) : (
            time
          )}
        </span>
        <Correct post={post} onLabel={label} />
      </div>
      <p dir="auto" lang={post.language ?? undefined}>
        {marked(post.text, marks)}
      </p>
    </li>
  );
}
