// How the people in our spaces are doing.

import { CommunityHeadline } from "./headline";
import { ActiveMembers, Newcomers, ResponseTime } from "./members";
import { Unanswered } from "./unanswered";

export function Community() {
  return (
    <>
      <CommunityHeadline />
      <div class="grid">
        <Unanswered />
        <ResponseTime />
        <Newcomers />
        <ActiveMembers />
      </div>
    </>
  );
}
