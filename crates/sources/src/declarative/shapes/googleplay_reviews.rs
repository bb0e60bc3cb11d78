use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{newest, slice};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, number},
        story::{Told, View},
    },
    http::Request,
};

/// Every post is a review. What is deleted is just not there.
pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "googleplay_reviews"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\npackages = [\"com.example.app\"]\ntoken_env = \"PLAY_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("PLAY_TOKEN", "ya29.s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let polled = Traits::polled(SignedDuration::from_mins(30), (200, SignedDuration::from_hours(1)));
        Traits { edits: true, counters: true, replies: false, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer ya29.s3cr3t") {
            let error = json!({"error": {"code": 401, "status": "UNAUTHENTICATED"}});
            return Answer { status: 401, ..Answer::json(&error) };
        }
        if request.url.path() != "/applications/com.example.app/reviews" {
            return Answer::status(404, "");
        }
        let start = number(request, "token").and_then(|start| start.try_into().ok()).unwrap_or(0);
        let page = slice(view, newest(view, |_| true, reviewed), start);
        let next = page.next.map(|next| json!({"nextPageToken": next.to_string()}));
        Answer::json(&json!({"reviews": page.records, "tokenPagination": next}))
    }

    fn native_id(&self, post: &Told) -> String {
        format!("gp:{}", post.n)
    }
}

fn reviewed(post: &Told) -> Value {
    let seconds = post.created_at.as_second().to_string();
    let comment = json!({"text": format!("\t{}", post.text), "lastModified": {"seconds": seconds, "nanos": 0}, "starRating": 4,
                         "thumbsUpCount": post.likes, "reviewerLanguage": "en"});
    json!({"reviewId": format!("gp:{}", post.n), "authorName": post.author, "comments": [{"userComment": comment}]})
}
