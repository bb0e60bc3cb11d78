//! An Atom feed over four rounds: an entry is edited and one is added, nothing changes, all entries are others.

use std::sync::Arc;

use grapevine_sources::{
    conformance::{Answer, Case, Expected, Platform, When, configured},
    http::{Request, header::IF_NONE_MATCH},
};
use jiff::{SignedDuration, Timestamp};

struct Site;

pub fn case() -> Case {
    Case {
        name: "feed",
        kind: "feed",
        build: configured(
            "name = \"blog\"\nkind = \"feed\"\nurl = \"https://blog.example/atom.xml\"\ninterval_seconds = 60",
        ),
        secret: None,
        platform: Arc::new(Site),
        every: SignedDuration::from_mins(5),
        allowed: (1, SignedDuration::from_secs(59)),
    }
}

fn entry(id: u32, time: &str, text: &str) -> String {
    format!(
        "<entry><id>tag:blog.example,2026:{id}</id><title>Post {id}</title><published>{time}</published>
         <link href=\"https://blog.example/{id}\"/><author><name>Ann</name></author>
         <category term=\"Kettles\"/><content type=\"html\">{text}</content></entry>"
    )
}

fn feed(round: usize) -> (&'static str, String) {
    let one = |text| entry(1, "2026-03-01T12:30:00+01:00", text);
    let two = entry(2, "2026-03-01T11:30:00Z", "Two &amp;amp; more");
    let (tag, entries) = match round {
        0 => ("\"a\"", two + &one("One")),
        1 | 2 => ("\"b\"", entry(3, "2026-03-01T12:04:00Z", "Three") + &two + &one("One, &lt;b&gt;better&lt;/b&gt;")),
        _ => ("\"c\"", entry(5, "2026-03-01T12:14:00Z", "Five") + &entry(4, "2026-03-01T12:13:00Z", "Four")),
    };
    (
        tag,
        format!(
            "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><id>x</id><title>Blog</title>{entries}</feed>"
        ),
    )
}

impl Platform for Site {
    fn answer(&self, when: When, request: &Request) -> Answer {
        let (tag, body) = feed(when.round);
        match request.headers.get(IF_NONE_MATCH) {
            Some(known) if known == tag => Answer::status(304, ""),
            _ => Answer::status(200, body).with_header("etag", tag),
        }
    }

    fn rounds(&self) -> usize {
        4
    }

    fn expected(&self) -> Vec<Expected> {
        let at = |time: &str| -> Timestamp { format!("2026-03-01T{time}Z").parse().unwrap() };
        let post = |id: u32, time, text: &str| {
            Expected::new(format!("tag:blog.example,2026:{id}"), at(time), format!("Post {id}\n\n{text}"))
        };
        vec![
            post(1, "11:30:00", "One, better"),
            post(2, "11:30:00", "Two & more"),
            post(3, "12:04:00", "Three"),
            post(4, "12:13:00", "Four"),
            post(5, "12:14:00", "Five"),
        ]
    }
}
