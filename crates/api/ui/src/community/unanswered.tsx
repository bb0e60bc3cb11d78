// The questions that nobody has answered, as a list to work through.

import { type Question, questions } from "../api/columns";
import { count, duration, moment, webAddress } from "../format";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";

export function Unanswered() {
  const answer = useMetric("unanswered_questions", { limit: 50 });
  return (
    <Panel
      title="Unanswered questions"
      class="w8 tall"
      answer={answer}
      asTable={false}
      empty="Every question that is due has an answer."
    >
      {(table) => (
        <ol class="questions scroll" tabIndex={0} aria-label="Unanswered questions">
          {questions(table).map((question) => (
            <Line key={`${question.url}${question.created}${question.author}`} question={question} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Line({ question }: { question: Question }) {
  const { now } = useScene();
  const link = webAddress(question.url);
  const age = question.age ?? (question.created === null ? null : (now - question.created) / 1000);
  return (
    <li class="post">
      <div class="meta">
        <strong title={question.created === null ? "" : moment(question.created, now)}>waiting {duration(age)}</strong>
        <b>@{question.author}</b>
        {question.followers !== null && <span>{count(question.followers)} followers</span>}
        <span>{question.space ? `${question.platform} · ${question.space}` : question.platform}</span>
        {link && (
          <a
            class="when"
            href={link}
            target="_blank"
            rel="noopener noreferrer"
            aria-label={`Answer @${question.author}`}
          >
            Answer
          </a>
        )}
      </div>
      <p dir="auto">{question.text}</p>
    </li>
  );
}
