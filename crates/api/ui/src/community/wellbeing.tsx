// How people feel in the community, and how they talk with each other.

import { community, felt } from "../api/community";
import type { CorrectedNet } from "../api/columns";
import { between, count, decimal, exact, NONE, percent, signed } from "../format";
import { Facts } from "../parts/facts";
import { Panel } from "../parts/panel";
import { useMetric } from "../state/context";

export function Wellbeing() {
  const answer = useMetric("community_sentiment");
  const toxicity = useMetric("toxicity_rate").data;
  const satisfied = useMetric("satisfaction").data;
  const { stars, reviews, csat, csatAnswers, nps, npsAnswers } = community;
  return (
    <Panel title="How people feel" class="w4" answer={answer} empty="Nothing was scored in this span." asTable={false}>
      {(table) => {
        const places = felt(table);
        return (
          <Facts
            facts={[
              { name: "Net sentiment in own spaces", value: corrected(places.own) },
              { name: "in public", value: corrected(places.public) },
              {
                name: `Hostile, of ${count(community.hostilityScored(toxicity))} read for it`,
                value: percent(community.toxicity(toxicity)),
                from: toxicity,
              },
              {
                name: `Stars, of ${exact(reviews(satisfied))} reviews`,
                value: decimal(stars(satisfied)),
                from: satisfied,
              },
              {
                name: `Satisfied (CSAT), of ${exact(csatAnswers(satisfied))} answers`,
                value: percent(csat(satisfied), 0),
                from: satisfied,
              },
              {
                name: `Would recommend (NPS), of ${exact(npsAnswers(satisfied))} answers`,
                value: signed(nps(satisfied), 0),
                from: satisfied,
              },
            ]}
          />
        );
      }}
    </Panel>
  );
}

/** With its interval; in words where the model was not measured in the languages of the place. */
function corrected(net: CorrectedNet | undefined): string {
  if (!net) return NONE;
  return net.value === null ? "not measured" : between(net.value, net.low, net.high);
}

export function Conversations() {
  const answer = useMetric("discussion_depth");
  const mutual = useMetric("reciprocity").data;
  const peers = useMetric("peer_to_peer_ratio").data;
  const unequal = useMetric("contribution_inequality").data;
  const made = useMetric("ugc_volume").data;
  return (
    <Panel title="Conversations" class="w4" answer={answer} empty="No thread was opened in this span." asTable={false}>
      {(table) => (
        <Facts
          facts={[
            { name: "Replies in a thread, median", value: decimal(community.repliesMedian(table)) },
            { name: "nine in ten have at most", value: decimal(community.repliesMost(table)) },
            { name: "People in a thread, median", value: decimal(community.peopleMedian(table)) },
            {
              name: "Questions first answered by a member",
              value: percent(community.memberFirst(peers)),
              from: peers,
            },
            { name: "Reciprocity", value: percent(community.reciprocity(mutual)), from: mutual },
            {
              name: "Posts by the top 1 % / 10 %",
              value: `${percent(community.topHundredth(unequal), 0)} / ${percent(community.topTenth(unequal), 0)}`,
              from: unequal,
            },
            {
              name: "Posts with media or links",
              value: `${count(community.ugc(made))} (${percent(community.ugcShare(made), 0)})`,
              from: made,
            },
          ]}
        />
      )}
    </Panel>
  );
}
