//! The story that every platform tells in the kit.
//!
//! | n | by | answers | when it appears | |
//! |---|---|---|---|---|
//! | 1 | ann | – | before | its likes grow in each round |
//! | 2 | bob | 1 | before | markup, emoji; of the same moment as 3 |
//! | 3 | cleo | – | before | begins the second thread; not English |
//! | 4 | ann | 2 | before | is edited before round 1 |
//! | 5 | dan | 3 | before | is deleted before round 1 |
//! | 6 | eve | 3 | before | her account is removed before round 2 |
//! | 7 | bob | 1 | while round 0 is read | |
//! | 8 | cleo | – | before round 1 | is deleted before round 2, when it was the newest that was read |
//! | 9 | ann | 8 | before round 2 | no Latin letters |
//! | 10 | dan | – | before round 2 | where the platform has that, its time is that of round 1: it came late |
//! | 11 | fay | 8 | before round 2 | is deleted in the same moment: only a stream sees it |
//!
//! Round 3 brings nothing new: what a platform does not tell by itself is seen there by those who look again.

use jiff::{SignedDuration, Timestamp};

use super::{
    When,
    play::START,
    story::{Change, Moment, Told},
};

/// So many rounds, beside an empty one before them where a connection is to stand first.
pub(super) const ROUNDS: usize = 4;
/// The post that arrives while the first round is read.
pub(super) const MEANWHILE: u64 = 7;
/// The account that is removed.
pub(super) const REMOVED: &str = "eve";
/// Her only post is deleted as soon as it stands.
pub(super) const FLEETING: &str = "fay";

/// The story on one platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standard {
    /// The round in which it begins: 1 where a connection has to stand before.
    pub(super) first: usize,
    pub(super) every: SignedDuration,
    /// A post may appear long after its time.
    pub(super) has_late: bool,
}

/// Who, in seconds from the start of the round in which it appears; parent; text; tags.
type Line = (u64, &'static str, i64, Option<u64>, &'static str, &'static [&'static str]);

const BEFORE: [Line; 6] = [
    (1, "ann", -300, None, "Which kettle boils fastest? #kettle", &["kettle"]),
    (2, "bob", -200, Some(1), "The <small> kettle & its lid, I think 🫖 #kettle #tea", &["kettle", "tea"]),
    (3, "cleo", -200, None, "Mein kettle ist größer als deiner 👩‍🚀 #tea", &["tea"]),
    (4, "ann", -150, Some(2), "My kettle leaks #kettle", &["kettle"]),
    (5, "dan", -100, Some(3), "I regret this kettle #tea", &["tea"]),
    (6, REMOVED, -90, Some(3), "Best kettle ever 👍🏽 #kettle", &["kettle"]),
];
const WHILE: Line = (MEANWHILE, "bob", 0, Some(1), "While you read, my kettle boiled #tea", &["tea"]);
const ROUND_1: [Line; 1] = [(8, "cleo", -20, None, "A new kettle today #kettle", &["kettle"])];
const ROUND_2: [Line; 3] = [
    (9, "ann", -20, Some(8), "日本のやかん、kettle #kettle", &["kettle"]),
    (10, "dan", -15, None, "Long on its way: a kettle #tea", &["tea"]),
    (11, FLEETING, -10, Some(8), "No kettle for me #kettle", &["kettle"]),
];
const EDITED: &str = "My kettle leaks. Edit: it was the lid #kettle";

impl Standard {
    pub(super) fn rounds(&self) -> usize {
        self.first + ROUNDS
    }

    /// What the platform knows there.
    pub(super) fn at(&self, when: When) -> Moment {
        let mut moment = Moment::default();
        for (at, change) in self.changes(when) {
            moment.apply(at, change);
        }
        moment.at(when.now);
        moment
    }

    fn changes(&self, when: When) -> Vec<(Timestamp, Change)> {
        let mut all = Vec::new();
        let Some(round) = when.round.checked_sub(self.first) else { return all };
        all.extend(BEFORE.iter().map(|line| self.posted(0, line)));
        if round > 0 || when.requests > 0 {
            all.push(self.posted(0, &WHILE));
        }
        if round > 0 {
            self.round_1(&mut all);
        }
        if round > 1 {
            self.round_2(&mut all);
        }
        all
    }

    fn round_1(&self, all: &mut Vec<(Timestamp, Change)>) {
        let at = self.start(1) - SignedDuration::from_secs(30);
        let edited = Told { text: EDITED.to_owned(), edited_at: Some(at), ..self.told(0, &BEFORE[3]) };
        all.push((at, Change::Edited(edited)));
        all.push((at, Change::Deleted(self.told(0, &BEFORE[4]))));
        all.push((at, Change::Counted(Told { likes: 3, ..self.told(0, &BEFORE[0]) })));
        all.extend(ROUND_1.iter().map(|line| self.posted(1, line)));
    }

    fn round_2(&self, all: &mut Vec<(Timestamp, Change)>) {
        let at = self.start(2) - SignedDuration::from_secs(30);
        let posts = vec![self.told(0, &BEFORE[5])];
        all.push((at, Change::Removed { author: REMOVED.to_owned(), posts }));
        all.push((at, Change::Deleted(self.told(1, &ROUND_1[0]))));
        all.push((at, Change::Counted(Told { likes: 10, ..self.told(0, &BEFORE[0]) })));
        all.extend(ROUND_2.iter().map(|line| self.posted(2, line)));
        let (at, _) = self.posted(2, &ROUND_2[2]);
        all.push((at, Change::Deleted(self.told(2, &ROUND_2[2]))));
    }

    /// When a round of the story begins.
    fn start(&self, round: usize) -> Timestamp {
        let start: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        start + self.every * i32::try_from(self.first + round).unwrap_or(0)
    }

    fn posted(&self, round: usize, line: &Line) -> (Timestamp, Change) {
        let appears = self.start(round) + SignedDuration::from_secs(line.2);
        (appears, Change::Posted(self.told(round, line)))
    }

    fn told(&self, round: usize, (n, author, second, parent, text, tags): &Line) -> Told {
        let lateness = if *n == 10 && self.has_late { self.every } else { SignedDuration::ZERO };
        Told {
            n: *n,
            author: (*author).to_owned(),
            created_at: self.start(round) + SignedDuration::from_secs(*second) - lateness,
            text: (*text).to_owned(),
            parent: *parent,
            root: parent.map(|parent| match parent {
                1 | 2 => 1,
                parent => parent,
            }),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            edited_at: None,
            likes: 0,
            replies: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(round: usize, requests: usize) -> Moment {
        let story = Standard { first: 0, every: SignedDuration::from_mins(10), has_late: true };
        story.at(When { round, requests, now: Timestamp::UNIX_EPOCH })
    }

    fn numbers(posts: &[Told]) -> Vec<u64> {
        posts.iter().map(|post| post.n).collect()
    }

    #[test]
    fn it_is_told_in_rounds() {
        assert_eq!(numbers(at(0, 0).view().posts), [1, 2, 3, 4, 5, 6]);
        assert_eq!(numbers(at(0, 1).view().posts), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(numbers(at(1, 0).view().posts), [1, 2, 3, 4, 6, 7, 8]);
        let last = at(3, 0);
        assert_eq!(numbers(last.view().posts), [1, 2, 3, 4, 7, 10, 9], "the late one stands at its time");
        assert_eq!(numbers(last.view().gone), [5, 6, 8, 11]);
        let first = last.view().told(1).unwrap().clone();
        assert_eq!((first.likes, first.replies), (10, 2));
        assert!(last.view().told(4).unwrap().text.contains("Edit"));
    }

    #[test]
    fn a_parent_appears_before_its_answer() {
        let last = at(3, 0);
        for happened in last.view().changes {
            if let Change::Posted(post) = &happened.change {
                assert!(post.parent.is_none_or(|parent| parent < post.n));
            }
        }
    }
}
