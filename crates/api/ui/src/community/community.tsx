// How the people in our spaces are doing.

import { FeedbackDigest } from "./feedback";
import { CommunityHeadline } from "./headline";
import { ActiveMembers, Newcomers, ResponseTime } from "./members";
import { Advocates, ChurnedRegulars } from "./people";
import { Retention, Staying } from "./retention";
import { Unanswered } from "./unanswered";
import { Conversations, Wellbeing } from "./wellbeing";

export function Community() {
  return (
    <>
      <CommunityHeadline />
      <div class="grid">
        <Unanswered />
        <ResponseTime />
        <Newcomers />
        <FeedbackDigest />
        <Wellbeing />
        <Advocates />
        <ChurnedRegulars />
        <Conversations />
        <Retention />
        <Staying />
        <ActiveMembers />
      </div>
    </>
  );
}
