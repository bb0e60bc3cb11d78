use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{newest, slice};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, Left},
        story::{Told, View},
    },
    http::Request,
};

/// Every post is a video of the one account.
pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "tiktok"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\ntoken_env = \"TIKTOK_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("TIKTOK_TOKEN", "act.s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let polled = Traits::polled(SignedDuration::from_hours(24), (600, SignedDuration::from_mins(1)));
        Traits { edits: true, deletes: true, removals: true, counters: true, replies: false, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer act.s3cr3t") {
            let error = json!({"error": {"code": "access_token_invalid", "message": "", "log_id": "1"}});
            return Answer { status: 401, ..Answer::json(&error) };
        }
        let body: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let data = match request.url.path() {
            "/user/info/" => json!({"user": {"open_id": "o1", "username": "acme", "follower_count": 12}}),
            "/video/list/" => {
                let start = body["cursor"].as_u64().and_then(|start| start.try_into().ok()).unwrap_or(0);
                let page = slice(view, newest(view, |_| true, video), start);
                json!({"videos": page.records, "cursor": page.next.unwrap_or(0), "has_more": page.next.is_some()})
            }
            "/video/query/" => {
                let is_asked = |post: &Told| {
                    let ids = body["filters"]["video_ids"].as_array();
                    ids.is_some_and(|ids| ids.iter().any(|id| *id == json!(post.n.to_string())))
                };
                json!({"videos": newest(view, is_asked, video)})
            }
            _ => return Answer::status(404, ""),
        };
        Answer::json(&json!({"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}}))
    }

    fn limited(&self, _: &Left) -> Answer {
        let error = json!({"code": "rate_limit_exceeded", "message": "The API rate limit was exceeded.", "log_id": "1"});
        Answer { status: 429, ..Answer::json(&json!({"error": error})) }
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }
}

fn video(post: &Told) -> Value {
    json!({"id": post.n.to_string(), "create_time": post.created_at.as_second(), "video_description": post.text,
           "share_url": format!("https://www.tiktok.com/@acme/video/{}", post.n), "like_count": post.likes,
           "comment_count": post.replies, "share_count": 0, "view_count": 9})
}
