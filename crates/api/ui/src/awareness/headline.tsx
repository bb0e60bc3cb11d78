// How are we doing, in four figures.

import { correctedNet, figure } from "../api/columns";
import type { MetricTable } from "../api/types";
import { between, count, NONE, percent, signed } from "../format";
import { Info } from "../parts/info";
import { Change, Stat } from "../parts/stat";
import { useMetric, useScene } from "../state/context";
import { previous } from "../state/span";

export function Headline() {
  const volume = useMetric("mention_volume");
  const volumeBefore = useMetric("mention_volume", { span: previous });
  const sentiment = useMetric("net_sentiment");
  const corrected = useMetric("net_sentiment_corrected");
  const sentimentBefore = useMetric("net_sentiment", { span: previous });
  const voice = useMetric("share_of_voice");
  const voiceBefore = useMetric("share_of_voice", { span: previous });
  const reach = useMetric("potential_reach");
  const reachBefore = useMetric("potential_reach", { span: previous });
  const { brand } = useScene();

  return (
    <div class="headline">
      <Stat
        name="Mentions"
        answer={volume}
        value={(table) => count(figure.mentions(table))}
        note={(table) => (
          <Change from={figure.mentions(volumeBefore.data)} to={figure.mentions(table)} unit="%" relative />
        )}
      />
      <Stat
        name="Net sentiment"
        answer={sentiment}
        value={(table) => {
          const value = figure.netSentiment(table);
          return value === null ? NONE : <>{signed(value)}</>;
        }}
        note={(table) => (
          <>
            <Change
              from={figure.netSentiment(sentimentBefore.data)}
              to={figure.netSentiment(table)}
              unit="points"
              goodWhen="up"
            />
            {corrected.data && <Corrected table={corrected.data} />}
          </>
        )}
      />
      <Stat
        name="Share of voice"
        answer={voice}
        value={(table) => percent(figure.shareOfVoice(table, brand))}
        note={(table) => (
          <Change
            from={figure.shareOfVoice(voiceBefore.data, brand)}
            to={figure.shareOfVoice(table, brand)}
            unit="points"
            goodWhen="up"
          />
        )}
      />
      <Stat
        name="Potential reach"
        answer={reach}
        value={(table) => count(figure.reach(table))}
        note={(table) => (
          <Change from={figure.reach(reachBefore.data)} to={figure.reach(table)} unit="%" goodWhen="up" relative />
        )}
      />
    </div>
  );
}

/** The figure as people would have read the posts, in words, or why there is none. */
function Corrected({ table }: { table: MetricTable }) {
  const { value, low, high, scored, corrected } = correctedNet(table);
  if (!scored) return null;
  const share = corrected === null || corrected === scored ? "" : `, of ${percent((corrected / scored) * 100)} of them`;
  return (
    <div class="corrected">
      {value === null ? "Not corrected: the model was not measured here" : `Corrected: ${between(value, low, high)}${share}`}
      <Info table={table} name="Net sentiment, corrected" />
    </div>
  );
}
