// How the brand is seen from outside.

import { Headline } from "./headline";
import { Hashtags, ShareOfVoice, Themes, TopVoices } from "./lists";
import { Posts } from "./posts";
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
        <TopVoices />
      </div>
    </>
  );
}
