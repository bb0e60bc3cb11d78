// How the brand is seen from outside.

import { BestTimes, Forecast } from "./ahead";
import { Campaigns } from "./campaigns";
import { CheckTheModel } from "./check";
import { Headline } from "./headline";
import { Hashtags, ShareOfVoice, Themes, TopVoices } from "./lists";
import { Engagement, Followers, Sources } from "./outreach";
import { Posts } from "./posts";
import { HashtagResearch } from "./research";
import { MentionsOverTime, SentimentOverTime } from "./trends";

export function Awareness() {
  return (
    <>
      <Headline />
      <div class="grid">
        <MentionsOverTime />
        <Posts />
        <SentimentOverTime />
        <ShareOfVoice />
        <Hashtags />
        <Themes />
        <HashtagResearch />
        <TopVoices />
        <Sources />
        <Engagement />
        <BestTimes />
        <Followers />
        <Campaigns />
        <Forecast />
        <CheckTheModel />
      </div>
    </>
  );
}
