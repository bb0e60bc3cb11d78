// One hashtag, looked at: how much, by whom, how it sounds, and what stands beside it.

import { useId, useState } from "preact/hooks";

import { hashtags } from "../api/columns";
import { companions, research } from "../api/outward";
import { decimal, exact, percent, signed } from "../format";
import { Facts } from "../parts/facts";
import { Panel } from "../parts/panel";
import { Empty } from "../parts/states";
import { useMetric } from "../state/context";
import { lastDay } from "./lists";

const plain = (tag: string) => tag.trim().replace(/^#+/, "").toLowerCase();

/** Begins with the hashtag that trends most, until a person names one. */
export function HashtagResearch() {
  const [named, setNamed] = useState<string | null>(null);
  const top = useMetric("trending_hashtags", { limit: 10, span: lastDay }).data;
  const tag = named ?? (top ? (hashtags(top)[0]?.tag ?? "") : "");
  return tag ? <Researched key={tag} tag={tag} onTag={setNamed} /> : <Nothing onTag={setNamed} />;
}

interface Props {
  tag: string;
  onTag: (tag: string) => void;
}

function Researched({ tag, onTag }: Props) {
  const answer = useMetric("hashtag_research", { hashtag: tag });
  const beside = useMetric("hashtag_research", { hashtag: tag, by: "hashtag", limit: 6 }).data;
  return (
    <Panel
      title="Hashtag research"
      class="w4"
      answer={answer}
      empty="No answer."
      actions={<Choice tag={tag} onTag={onTag} />}
    >
      {(table) => {
        const of = research(table);
        if (!of.mentions) return <Empty text={`Nobody used #${tag} in this span.`} />;
        return (
          <>
            <Facts
              facts={[
                { name: `Mentions with #${tag}`, value: `${exact(of.mentions)} (${percent(of.share)})` },
                { name: "Authors", value: exact(of.authors) },
                { name: "Engagement rate", value: percent(of.rate, 2) },
                { name: "Net sentiment", value: signed(of.net) },
              ]}
            />
            {beside && companions(beside).length > 0 && (
              <>
                <h3>Stands beside it</h3>
                <ol class="rank">
                  {companions(beside).map((one) => (
                    <li key={one.tag}>
                      <span>
                        #{one.tag} <small class="soft">{exact(one.together)} times</small>
                      </span>
                      <span>{decimal(one.lift, 1)} × chance</span>
                    </li>
                  ))}
                </ol>
              </>
            )}
          </>
        );
      }}
    </Panel>
  );
}

function Choice({ tag, onTag }: Props) {
  const [typed, setTyped] = useState(tag);
  const field = useId();
  return (
    <form
      class="choice"
      onSubmit={(event) => {
        event.preventDefault();
        if (plain(typed)) onTag(plain(typed));
      }}
    >
      <label class="unseen" htmlFor={field}>
        Hashtag
      </label>
      <input
        id={field}
        value={typed}
        maxLength={100}
        placeholder="hashtag"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="submit" class="button quiet">
        Look
      </button>
    </form>
  );
}

function Nothing({ onTag }: { onTag: (tag: string) => void }) {
  const heading = useId();
  return (
    <section class="panel w4" aria-labelledby={heading}>
      <header>
        <h2 id={heading}>Hashtag research</h2>
        <div class="actions">
          <Choice tag="" onTag={onTag} />
        </div>
      </header>
      <div class="body">
        <Empty text="No hashtags in this span. Name one to look for it." />
      </div>
    </section>
  );
}
