// People to know: those who speak for the brand, and those who went silent.

import type { ComponentChildren } from "preact";

import { advocates, type Linked, regulars } from "../api/community";
import { duration, exact, moment, webAddress } from "../format";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";

export function Advocates() {
  const answer = useMetric("advocates", { limit: 20 });
  return (
    <Panel
      title="Advocates"
      class="w4"
      answer={answer}
      asTable={false}
      empty="Nobody has praised the brand, answered another member and been answered, all in this span."
    >
      {(table) => (
        <ul class="people scroll" tabIndex={0} aria-label="Advocates">
          {advocates(table).map((member) => (
            <Person key={`${member.platform} ${member.author}`} of={member} action="Newest praise">
              answered {exact(member.answers)} · praised {exact(member.praise)} · got {exact(member.answered)} replies
            </Person>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function ChurnedRegulars() {
  const { now } = useScene();
  const answer = useMetric("churned_regulars", { limit: 20 });
  return (
    <Panel
      title="Regulars who went silent"
      class="w4"
      answer={answer}
      asTable={false}
      empty="Everyone who posted at least 4 times in the 90 days before has posted in this span."
    >
      {(table) => (
        <ul class="people scroll" tabIndex={0} aria-label="Regulars who went silent">
          {regulars(table).map((member) => (
            <Person key={`${member.platform} ${member.author}`} of={member} action="Last post">
              {exact(member.posts)} posts in 90 days ·{" "}
              <span title={member.last === null ? "" : moment(member.last, now)}>silent {duration(member.silent)}</span>
            </Person>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Person({ of, action, children }: { of: Linked; action: string; children: ComponentChildren }) {
  const link = webAddress(of.url);
  return (
    <li class="post">
      <div class="meta">
        <b>@{of.author}</b>
        <span>{of.platform}</span>
        {link && (
          <a
            class="when"
            href={link}
            target="_blank"
            rel="noopener noreferrer"
            aria-label={`${action} of @${of.author}`}
          >
            {action}
          </a>
        )}
      </div>
      <div class="small soft">{children}</div>
      <p dir="auto">{of.text}</p>
    </li>
  );
}
