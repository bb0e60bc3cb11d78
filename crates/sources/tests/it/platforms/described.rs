//! One story for all platforms that a definition describes: how each tells it is a [`Shape`].
//!
//! Pages hold two posts. Over three rounds one arrives while the first are read, one is edited, one is deleted, two come
//! in the same moment.

use std::sync::Arc;

use grapevine_sources::{
    conformance::{Answer, Case, Expected, Platform, When, configured},
    http::Request,
};
use jiff::{SignedDuration, Timestamp};

/// When every play begins.
const NOON: i64 = 1_772_366_400;
pub const PER_PAGE: usize = 2;

/// One post as it stands when it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    pub n: u64,
    pub second: i64,
    pub text: &'static str,
    /// The post that it answers; always an older one.
    pub parent: Option<u64>,
    pub is_gone: bool,
}

impl Post {
    pub fn time(&self) -> Timestamp {
        Timestamp::from_second(self.second).unwrap()
    }

    pub fn rfc3339(&self) -> String {
        self.time().to_string()
    }
}

/// How a platform tells the story.
#[derive(Clone, Copy)]
pub struct Shape {
    pub name: &'static str,
    pub settings: &'static str,
    pub secret: Option<(&'static str, &'static str)>,
    /// Minutes between two rounds.
    pub every: i64,
    pub allowed: (usize, SignedDuration),
    /// Answers from the posts that there are, newest first.
    pub answer: fn(&Request, &[Post]) -> Answer,
    /// What must come of a post; nothing where the platform has no room for it.
    pub expected: fn(&Post) -> Option<Expected>,
}

impl Shape {
    pub fn case(self) -> Case {
        Case {
            name: self.name,
            kind: self.name,
            build: configured(&format!("name = \"it\"\nkind = {:?}\n{}", self.name, self.settings)),
            secret: self.secret,
            platform: Arc::new(Story(self)),
            every: SignedDuration::from_mins(self.every),
            allowed: self.allowed,
        }
    }
}

struct Story(Shape);

impl Story {
    /// The posts that are there, newest first.
    fn posts(&self, when: When) -> Vec<Post> {
        let round = when.round as i64;
        let every = self.0.every * 60;
        let post = |n, second, text, parent| Post { n, second: NOON + second, text, parent, is_gone: false };
        let mut posts = vec![
            post(1, -300, "One", None),
            post(2, -200, "Two & more", Some(1)),
            post(3, -200, "Three", None),
            post(4, -150, if round < 1 { "Four" } else { "Four, edited" }, Some(2)),
            Post { is_gone: round >= 2, ..post(5, -100, "Five", Some(3)) },
            post(6, -90, "Six", Some(3)),
            post(8, every - 20, "Eight", None),
            post(9, 2 * every - 20, "Nine", Some(8)),
        ];
        posts.truncate(6 + round as usize);
        if round > 0 || when.requests > 0 {
            posts.insert(6, post(7, 0, "Seven", Some(1)));
        }
        posts.reverse();
        posts
    }
}

impl Platform for Story {
    fn answer(&self, when: When, request: &Request) -> Answer {
        (self.0.answer)(request, &self.posts(when))
    }

    fn rounds(&self) -> usize {
        3
    }

    fn expected(&self) -> Vec<Expected> {
        let posts = self.posts(When { round: 2, requests: 1, now: Timestamp::UNIX_EPOCH });
        let expected = posts.iter().filter_map(|post| {
            let expected = (self.0.expected)(post)?;
            let expected = if post.is_gone { expected.deleted() } else { expected };
            Some(if post.n == 7 { expected.late() } else { expected })
        });
        expected.collect()
    }
}

/// A parameter of the query.
pub fn parameter(request: &Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The posts of a page by its number from 1, and whether more follow.
pub fn numbered(posts: &[Post], page: Option<String>) -> (Vec<&Post>, bool) {
    let page: usize = page.map_or(1, |page| page.parse().unwrap_or(1));
    let rest: Vec<&Post> = posts.iter().skip((page.max(1) - 1) * PER_PAGE).collect();
    let more = rest.len() > PER_PAGE;
    (rest.into_iter().take(PER_PAGE).collect(), more)
}
