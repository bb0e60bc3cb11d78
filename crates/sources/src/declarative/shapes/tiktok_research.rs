use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{in_thread, is_comment, newest, slice};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, Left},
        story::{Told, View},
    },
    http::Request,
};

/// Four to six are videos here, as comments are not read again one by one; so are nine and eleven, as comments go with their
/// video.
pub(super) struct Platform;

const SECRET: &str = "s3cr3t";

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "tiktok_research"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\nclient_key = \"aw1\"\nkeywords = [\"kettle\"]\nclient_secret_env = \"TIKTOK_SECRET\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("TIKTOK_SECRET", SECRET))
    }

    fn traits(&self) -> Traits {
        let polled = Traits::polled(SignedDuration::from_hours(96), (1000, SignedDuration::from_hours(24)));
        Traits { edits: true, deletes: true, removals: true, counters: true, renews: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if request.url.path() == "/oauth/token/" {
            return token(request);
        }
        if !brings(request, "authorization", "Bearer clt.1") {
            let error = json!({"error": {"code": "access_token_invalid", "message": "", "log_id": "1"}});
            return Answer { status: 401, ..Answer::json(&error) };
        }
        let body: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let start = body["cursor"].as_u64().and_then(|start| start.try_into().ok()).unwrap_or(0);
        let (name, records) = match request.url.path() {
            "/research/video/query/" if start > 0 && body["search_id"] != "s1" => return invalid(),
            "/research/video/query/" if body["query"]["and"][0]["field_name"] == "video_id" => {
                // By their ids, all fit on a page.
                return found(json!({"videos": videos(view, &body), "has_more": false}));
            }
            "/research/video/query/" => ("videos", videos(view, &body)),
            "/research/video/comment/list/" => {
                let fits = |post: &Told| is_comment(post) && post.root.is_some() && post.root == body["video_id"].as_u64();
                ("comments", newest(view, fits, comment))
            }
            _ => return Answer::status(404, ""),
        };
        let page = slice(view, records, start);
        let cursor = page.next.unwrap_or(start + page.records.len());
        found(json!({name: page.records, "cursor": cursor, "has_more": page.next.is_some(), "search_id": "s1"}))
    }

    fn limited(&self, _: &Left) -> Answer {
        let error = json!({"code": "rate_limit_exceeded", "message": "The API rate limit was exceeded.", "log_id": "1"});
        Answer { status: 429, ..Answer::json(&json!({"error": error})) }
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }

    fn parent_id(&self, post: &Told, _: &View<'_>) -> Option<String> {
        post.parent.filter(|_| is_comment(post)).map(|parent| parent.to_string())
    }
}

fn token(request: &Request) -> Answer {
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
    let is_known = ["client_key=aw1", "client_secret=s3cr3t", "grant_type=client_credentials"];
    match is_known.iter().all(|part| body.split('&').any(|pair| pair == *part)) {
        true => Answer::json(&json!({"access_token": "clt.1", "expires_in": 7200, "token_type": "Bearer"})),
        false => Answer { status: 401, ..Answer::json(&json!({"error": "invalid_client"})) },
    }
}

fn found(data: Value) -> Answer {
    Answer::json(&json!({"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}}))
}

fn invalid() -> Answer {
    Answer { status: 400, ..Answer::json(&json!({"error": {"code": "invalid_params", "message": "", "log_id": "1"}})) }
}

/// Those of the days that were asked for, and of the ids where such were.
fn videos(view: &View<'_>, body: &Value) -> Vec<Value> {
    let day = |post: &Told| post.created_at.strftime("%Y%m%d").to_string();
    let (from, to) = (body["start_date"].as_str().unwrap_or("9"), body["end_date"].as_str().unwrap_or("0"));
    let ids = body["query"]["and"][0]["field_values"].as_array().filter(|_| body["query"]["and"][0]["field_name"] == "video_id");
    let fits = |post: &Told| {
        let is_asked = ids.is_none_or(|ids| ids.iter().any(|id| *id == json!(post.n.to_string())));
        !is_comment(post) && is_asked && (from..=to).contains(&day(post).as_str())
    };
    newest(view, fits, |post| video(view, post))
}

fn video(view: &View<'_>, post: &Told) -> Value {
    json!({"id": post.n, "create_time": post.created_at.as_second(), "video_description": post.text, "username": post.author,
           "like_count": post.likes, "comment_count": in_thread(view, post.n, is_comment), "hashtag_names": post.tags,
           "share_count": 0, "view_count": 9, "region_code": "US"})
}

fn comment(post: &Told) -> Value {
    json!({"id": post.n, "video_id": post.root, "text": post.text, "like_count": post.likes, "reply_count": post.replies,
           "parent_comment_id": post.parent, "create_time": post.created_at.as_second()})
}
