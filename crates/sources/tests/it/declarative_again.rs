//! Listings for each record of another, posts that are read again, accounts, and requests with a body.

use grapevine_model::{Deletion, Event};
use grapevine_sources::{Page, Progress, SourceError, declarative::Definition};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    declarative_reading::{Trial, items},
    kit::{ids, noon},
};

const HEAD: &str = "name = \"small\"\ndoc = \"A small platform.\"\nterms = \"None.\"\n\
                    poll = { every = \"1m\", backfill = \"24h\", look_back = \"1h\", lateness = \"1m\" }\n";
const POSTS: &str =
    "[[listing]]\nname = \"posts\"\nrecords = [\"items\"]\nrequest = { url = \"https://a.example/posts\" }\n";
const MAP: &str =
    "map = { id = \"id\", created_at = { from = \"at\", as = \"unix_s\" }, text = \"text\", likes = \"likes\" }\n";

fn nested(rule: &str, request: &str) -> String {
    format!(
        "{HEAD}{POSTS}{MAP}[[listing]]\nname = \"comments\"\nrecords = [\"items\"]\nrequest = {request}\n\
         map = {{ id = \"c{{id}}\", parent = \"{{post}}\", created_at = {{ from = \"at\", as = \"unix_s\" }} }}\n\
         [listing.for_each]\nlisting = \"posts\"\n{rule}\n"
    )
}

fn rechecked(rule: &str) -> String {
    format!(
        "{HEAD}{POSTS}{MAP}[listing.recheck]\n\
         request = {{ url = \"https://a.example/info\", query = {{ id = \"{{ids}}\" }} }}\n{rule}\n"
    )
}

fn grown(mut body: Value, counts: &[u64]) -> Value {
    for (item, count) in body["items"].as_array_mut().unwrap().iter_mut().zip(counts) {
        item["comments"] = json!(count);
    }
    body
}

fn deleted(page: &Page) -> Vec<String> {
    let id = |event: &'_ Event| match event {
        Event::Delete(Deletion { key, .. }) => Some(key.native_id.clone()),
        _ => None,
    };
    page.events.iter().filter_map(id).collect()
}

const EACH: &str = "{ url = \"https://a.example/posts/{post}/comments\" }";

#[tokio::test]
async fn comments_are_read_for_posts_that_are_new_or_have_grown() {
    let mut trial = Trial::new(&nested("holes = { post = \"id\" }\ngrown = \"comments\"", EACH));
    trial.answer(200, grown(items(&[(2, 10), (1, 20)]), &[1, 0]));
    let (page, asked) = trial.page().await;
    assert_eq!((ids(&page.events), page.state, page.complete_through), (vec!["2", "1"], Progress::Behind, None));
    assert_eq!(asked, ["/posts"]);
    trial.answer(200, items(&[(7, 5)]));
    let (page, asked) = trial.page().await;
    assert_eq!((ids(&page.events), asked), (vec!["c7"], vec!["/posts/2/comments".to_owned()]));
    trial.answer(200, items(&[]));
    let (page, asked) = trial.page().await;
    assert_eq!((page.state, asked), (Progress::CaughtUp, vec!["/posts/1/comments".to_owned()]));
    assert_eq!(page.complete_through, Some(noon() - SignedDuration::from_mins(1)), "as far as the posts are");

    trial.now += SignedDuration::from_mins(2);
    trial.answer(200, grown(items(&[(2, 10), (1, 20)]), &[1, 3]));
    assert_eq!(trial.page().await.0.state, Progress::Behind);
    trial.answer(200, items(&[(9, -1)]));
    let (page, asked) = trial.page().await;
    assert_eq!((ids(&page.events), asked), (vec!["c9"], vec!["/posts/1/comments".to_owned()]));
    assert_eq!(page.state, Progress::CaughtUp);
}

#[tokio::test]
async fn a_post_that_is_gone_meanwhile_stops_no_other() {
    let mut trial = Trial::new(&nested("holes = { post = \"id\" }", EACH));
    trial.answer(200, items(&[(2, 10), (1, 20)]));
    trial.page().await;
    trial.answer(404, json!({}));
    let (page, asked) = trial.page().await;
    assert_eq!((page.events.len(), page.state, asked), (0, Progress::Behind, vec!["/posts/2/comments".to_owned()]));
    trial.answer(200, items(&[(7, 5)]));
    assert_eq!(ids(&trial.page().await.0.events), ["c7"]);
}

#[tokio::test]
async fn a_batch_is_asked_for_at_once() {
    let request = "{ url = \"https://a.example/comments\", query = { of = \"{post}\" } }";
    let mut trial = Trial::new(&nested("holes = { post = \"id\" }\nbatch = 2", request));
    trial.answer(200, items(&[(3, 10), (2, 10), (1, 20)]));
    trial.page().await;
    for expected in ["/comments?of=3%2C2", "/comments?of=1"] {
        trial.answer(200, items(&[]));
        assert_eq!(trial.page().await.1, [expected]);
    }
}

#[tokio::test]
async fn a_post_is_read_again_at_its_ages_and_what_is_missing_was_deleted() {
    let rule = "ages = [\"2h\", \"3h\"]\nbatch = 2\nmissing = \"deleted\"";
    let mut trial = Trial::new(&rechecked(rule));
    trial.answer(200, items(&[(3, 10), (2, 20), (1, 30)]));
    assert_eq!(trial.page().await.0.state, Progress::CaughtUp);
    trial.now += SignedDuration::from_mins(119);
    // All are two hours old now. Those that wait longest come first, and then the listing has its turn.
    let mut again = items(&[(2, 20), (1, 30)]);
    again["items"][0]["text"] = json!("edited");
    again["items"][1]["likes"] = json!(9);
    trial.answer(200, again);
    let (page, asked) = trial.page().await;
    assert_eq!((ids(&page.events), asked), (vec!["2"], vec!["/info?id=1%2C2".to_owned()]));
    assert!(
        page.events
            .iter()
            .any(|event| matches!(event, Event::EngagementSnapshot(it) if it.engagement.likes == Some(9)))
    );
    trial.answer(200, items(&[]));
    assert_eq!(trial.page().await.1, ["/posts"]);
    trial.answer(200, items(&[]));
    let (page, asked) = trial.page().await;
    assert_eq!(
        (deleted(&page), page.state, asked),
        (vec!["3".to_owned()], Progress::CaughtUp, vec!["/info?id=3".to_owned()])
    );
}

#[tokio::test]
async fn a_platform_that_calls_everything_gone_is_not_believed() {
    let mut trial = Trial::new(&rechecked("ages = [\"2h\"]\nbatch = 50\nmissing = \"deleted\""));
    let posts: Vec<(u64, i64)> = (1..=11).map(|id| (id, 30)).collect();
    trial.answer(200, items(&posts));
    trial.page().await;
    trial.now += SignedDuration::from_mins(120);
    trial.answer(200, items(&[]));
    trial.page().await;
    trial.answer(200, items(&[]));
    let (page, asked) = trial.page().await;
    assert_eq!((deleted(&page).len(), asked.len()), (0, 1));
}

#[tokio::test]
async fn accounts_are_counted_once_in_a_while_and_hold_nothing_up() {
    let accounts = "[[listing]]\nname = \"followers\"\ngives = \"account\"\nevery = \"24h\"\nrecords = [\"data\"]\n\
                    request = { url = \"https://a.example/me\" }\nmap = { account = \"name\", followers = \"count\" }\n";
    let mut trial = Trial::new(&format!("{HEAD}{accounts}{POSTS}{MAP}"));
    trial.answer(200, json!({"data": {"name": "@acme", "count": 7}}));
    let (page, _) = trial.page().await;
    let [Event::AccountSnapshot(account)] = page.events.as_slice() else { panic!("{:?}", page.events) };
    assert_eq!((account.account.as_str(), account.followers), ("acme", 7));
    trial.answer(200, items(&[(1, 60 * 30)]));
    assert!(trial.page().await.0.complete_through.is_some());
    trial.now += SignedDuration::from_mins(2);
    trial.answer(200, items(&[]));
    assert_eq!(trial.page().await.1, ["/posts"]);
}

#[tokio::test]
async fn a_query_is_posted_and_its_errors_come_with_status_200() {
    let listing = POSTS.replace(
        "request = { url = \"https://a.example/posts\" }",
        "request = { url = \"https://a.example/graphql\", graphql = \"{ items { id } }\", variables = { n = 5 } }",
    );
    let mut trial = Trial::new(&format!("{HEAD}{listing}{MAP}"));
    trial.answer(200, items(&[(1, 60 * 30)]));
    assert_eq!(ids(&trial.page().await.0.events), ["1"]);
    trial.now += SignedDuration::from_mins(2);
    trial.answer(200, json!({"errors": [{"message": "no such field"}]}));
    let (polled, _) = trial.poll().await;
    assert!(matches!(polled, Err(SourceError::Config(message)) if message.contains("no such field")));
}

#[test]
fn a_mistake_in_the_new_keys_is_told_with_its_line_and_how_to_mend_it() {
    let definition = nested("holes = { post = \"id\" }", EACH)
        + "[listing.recheck]\nages = [\"1h\"]\nrequest = { url = \"https://a.example/{ids}\" }\n";
    assert!(Definition::parse(&definition).is_ok());
    for (from, to, message) in [
        ("listing = \"posts\"", "listing = \"post\"", "`listing.1.for_each.listing` is not known: write `posts`"),
        ("/{ids}", "/x", "`listing.1.recheck.request` has no {ids}"),
        ("ages = [\"1h\"]", "agse = [\"1h\"]", "there is no key `agse`: write `ages`, or one of "),
        ("{post}/comments", "{pots}/comments", "`listing.1.request.url` has the hole `{pots}`, which nothing fills"),
        (
            "poll =",
            "auth = { kind = \"oauth\", grant = \"pasword\" }\npoll =",
            "`auth.grant` is not known: write `password`",
        ),
        (
            "poll =",
            "auth = { kind = \"oauth\", grant = \"password\", token_ulr = \"x\" }\npoll =",
            "`auth` can not be read: there is no key `token_ulr`: write `token_url`",
        ),
        (
            "[[listing]]\nname = \"comments\"",
            "[[listing]]\nname = \"comments\"\ngives = \"account\"",
            "`listing.1.map.created_at` is not known: it is one of account, followers, skip",
        ),
    ] {
        assert!(definition.contains(from), "{from}");
        let error = Definition::parse(&definition.replacen(from, to, 1)).unwrap_err().to_string();
        let (line, told) = error.split_once(": ").unwrap();
        assert!(line.starts_with("line ") && told.starts_with(message), "{error}\nshould say\n{message}");
    }
}
