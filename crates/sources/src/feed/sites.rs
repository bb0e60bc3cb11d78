//! What single sites do in their feeds, which no format says.

use feed_rs::model::Entry;
use jiff::SignedDuration;
use url::Url;

use crate::{
    html::Read,
    http::{HeaderLimits, Limit, QuotaPolicy, ResetFormat, Window},
};

/// Reddit lets one reading in so long a time pass.
pub(super) const SLOWEST: SignedDuration = SignedDuration::from_mins(1);

/// Sites whose feeds need more than their format to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// An alert links by way of Google to pages of others, whose author it does not name.
    GoogleAlerts,
    Reddit,
    Other,
}

impl Site {
    pub(super) fn of(feed_url: &Url) -> Self {
        let host = feed_url.host_str().unwrap_or_default();
        match host {
            _ if is_google(host) && feed_url.path().starts_with("/alerts/") => Site::GoogleAlerts,
            _ if host == "reddit.com" || host.ends_with(".reddit.com") => Site::Reddit,
            _ => Site::Other,
        }
    }

    /// Whether it lets one reading a minute pass for an address of the network, over all its feeds. With a feed token
    /// of an account (`?feed=…&user=…`) there are more.
    pub(super) fn is_slow(feed_url: &Url) -> bool {
        Site::of(feed_url) == Site::Reddit && !feed_url.query_pairs().any(|(name, _)| name == "feed")
    }
}

fn is_google(host: &str) -> bool {
    host.split('.').any(|part| part == "google")
}

/// What a site allows who reads its feeds.
pub(super) fn quota(feed_url: &Url) -> QuotaPolicy {
    if !Site::is_slow(feed_url) {
        return QuotaPolicy::default();
    }
    let limit = Limit { amount: 1, window: Window::Rolling(SLOWEST), only: None };
    let headers = HeaderLimits {
        remaining: "x-ratelimit-remaining".to_owned(),
        reset: "x-ratelimit-reset".to_owned(),
        format: ResetFormat::SecondsLeft,
        bucket: None,
    };
    QuotaPolicy { limits: vec![limit], headers: Some(headers), ..QuotaPolicy::default() }
}

/// Where a link really leads: Google's alerts and searches link by way of Google.
pub(super) fn target(link: &str) -> String {
    let by_google = || {
        let url = Url::parse(link).ok()?;
        let is_detour = url.path() == "/url" && is_google(url.host_str()?);
        let mut pairs = url.query_pairs().filter(|(name, _)| is_detour && (name == "url" || name == "q"));
        pairs.find(|(_, value)| value.starts_with("http")).map(|(_, value)| value.into_owned())
    };
    by_google().unwrap_or_else(|| link.to_owned())
}

/// The subreddit of an entry: Reddit writes it as a category `r/name`.
pub(super) fn subreddit(entry: &Entry) -> Option<String> {
    let labels = entry.categories.iter().filter_map(|category| category.label.as_deref());
    labels.into_iter().find_map(|label| label.strip_prefix("r/")).map(str::to_owned)
}

/// The post of a comment, by the comment's address: `/r/rust/comments/glvkc5/title/fr1abc/` is about `t3_glvkc5`.
pub(super) fn reddit_post(entry: &Entry, url: Option<&str>) -> Option<String> {
    let address = Url::parse(url?).ok()?;
    let mut parts = address.path_segments()?.skip_while(|part| *part != "comments").skip(1);
    let post = parts.next().filter(|post| entry.id.starts_with("t1_") && !post.is_empty())?;
    Some(format!("t3_{post}"))
}

/// Under each text Reddit writes who submitted it, and where it and its comments are.
pub(super) fn without_reddits_foot(mut body: Read, url: Option<&str>) -> Read {
    let foot = body.text.rfind("submitted by /u/").filter(|at| {
        let foot = &body.text[*at..];
        foot.ends_with("[comments]") && foot.lines().count() <= 2
    });
    if let Some(at) = foot {
        body.text.truncate(at);
        body.text.truncate(body.text.trim_end().len());
    }
    let is_its_own = |link: &String| Some(link.as_str()) == url || link.contains("reddit.com/user/");
    body.links.retain(|link| !is_its_own(link));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_by_way_of_google_lead_to_the_page_itself() {
        for (link, leads_to) in [
            ("https://www.google.com/url?rct=j&url=https://a.example/x%3Fy%3D1&ct=ga", "https://a.example/x?y=1"),
            ("https://www.google.co.uk/url?q=https://a.example/&sa=D", "https://a.example/"),
            ("https://www.google.com/url?q=kettle", "https://www.google.com/url?q=kettle"),
            ("https://google.example/search?url=https://a.example", "https://google.example/search?url=https://a.example"),
            ("not a link", "not a link"),
        ] {
            assert_eq!(target(link), leads_to);
        }
    }

    #[test]
    fn a_site_is_known_by_its_address() {
        for (url, site, is_slow) in [
            ("https://www.google.com/alerts/feeds/1/2", Site::GoogleAlerts, false),
            ("https://www.reddit.com/r/tea/new/.rss", Site::Reddit, true),
            ("https://old.reddit.com/r/tea/.rss?feed=f00&user=ann", Site::Reddit, false),
            ("https://notreddit.com/r/tea/.rss", Site::Other, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!((Site::of(&url), Site::is_slow(&url)), (site, is_slow), "{url}");
        }
    }

    #[test]
    fn only_reddits_foot_is_cut_off() {
        let read = |text: &str| Read { text: text.to_owned(), links: vec!["https://www.reddit.com/user/ann".into()], ..Read::default() };
        let cut = without_reddits_foot(read("I like tea.\nsubmitted by /u/ann\n[link] [comments]"), None);
        assert_eq!((cut.text.as_str(), cut.links.len()), ("I like tea.", 0));
        let kept = "As submitted by /u/ann, and more\nsaid by many\nhere [comments]";
        assert_eq!(without_reddits_foot(read(kept), None).text, kept);
    }
}
