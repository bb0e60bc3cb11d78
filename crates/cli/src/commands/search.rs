//! `grapevine search`: mentions that a query finds, with what it found in them.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    ops::Range,
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use grapevine_api::Span;
use grapevine_model::MAY_BE_IRONIC;
use grapevine_monitor::{Monitor, ParseError, parse, parse_search};
use grapevine_store::{
    Search,
    search::{Filters, Found, Hit, Limits, Order, Progress, Removed, words as filter},
};
use jiff::Timestamp;

use super::{span, words};
use crate::{
    args::{FilterArgs, FoundFormat, SearchArgs},
    config::{self, Config},
    parts,
};

/// A person who waits at a terminal can be asked to wait longer than a page.
const LIMITS: Limits = Limits { rows: 20_000_000, fetched: 200_000, time: std::time::Duration::from_secs(25) };
const LONGEST_LINE: usize = 600;
/// Brands and platforms in a line of what is no longer kept.
const MOST_NAMED: usize = 6;

pub async fn run(args: &SearchArgs) -> anyhow::Result<ExitCode> {
    if let (Some(name), Some(query)) = (&args.as_monitor, &args.query) {
        parse(query).map_err(|error| unreadable(query, &error))?;
        print!("{}", Monitor { name: name.clone(), query: query.trim().to_owned() }.toml());
        return Ok(ExitCode::SUCCESS);
    }
    let config = config::load(&args.with.config)?;
    let search = build(args, &config)?;
    let open = parts::existing_store(&config).await?;
    let found = open.reader.search(&search).await;
    open.close().await;
    let found = found?;
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print(&found, args.format, colours, &mut io::stdout().lock())?;
    Ok(if found.hits.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn unreadable(query: &str, error: &ParseError) -> anyhow::Error {
    anyhow!("the query can not be read\n{}", error.render(query))
}

fn build(args: &SearchArgs, config: &Config) -> anyhow::Result<Search> {
    let Span { from, to } = span::parse(&args.from, &args.to)?;
    let read = |text: &String| parse_search(text).map_err(|error| unreadable(text, &error));
    let query = args.query.as_ref().filter(|text| !text.trim().is_empty()).map(read).transpose()?;
    args.filters.brand.iter().try_for_each(|name| config.check_brand(name))?;
    Ok(Search {
        filters: filters(&args.filters)?,
        order: if args.oldest { Order::OldestFirst } else { Order::NewestFirst },
        after: args.after.as_deref().map(str::parse).transpose().context("--after")?,
        limit: args.limit,
        count_to: 1000,
        limits: LIMITS,
        ..Search::new(query, from, to)
    })
}

fn filters(args: &FilterArgs) -> anyhow::Result<Filters> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(Filters {
        brand: args.brand.clone(),
        platforms: filter::listed(&text(&args.platform)),
        languages: filter::listed(&text(&args.language).to_lowercase()),
        polarities: filter::polarities(&text(&args.polarity)).context("--polarity")?,
        intents: filter::intents(&text(&args.intent)).context("--intent")?,
        themes: filter::listed(&text(&args.theme)),
        kinds: filter::kinds(&text(&args.kind)).context("--kind")?,
        author: args.author.clone(),
        space: args.space.clone(),
        owned_space: args.owned_space.then_some(true),
        has_media: args.media.then_some(true),
        has_links: args.links.then_some(true),
        min_engagement: args.min_engagement,
    })
}

fn print(found: &Found, format: FoundFormat, colours: bool, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        FoundFormat::Table => print_table(found, colours, out)?,
        FoundFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(found)?)?,
        FoundFormat::Ndjson => {
            for hit in &found.hits {
                writeln!(out, "{}", serde_json::to_string(hit)?)?;
            }
            eprintln!("{}", summary(found));
        }
        FoundFormat::Csv => {
            print_csv(&found.hits, out)?;
            eprintln!("{}", summary(found));
        }
    }
    Ok(())
}

fn print_csv(hits: &[Hit], out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        "id",
        "created_at",
        "brand",
        "platform",
        "author",
        "polarity",
        "intent",
        "irony",
        "url",
        "text",
    ])?;
    for Hit { mention, .. } in hits {
        let (id, created_at) = (mention.id.to_string(), mention.created_at.to_string());
        let (polarity, intent) = (mention.polarity.unwrap_or_default(), mention.intent.as_deref().unwrap_or_default());
        let irony = mention.irony.map(|probability| format!("{probability:.3}")).unwrap_or_default();
        let author = if mention.author_handle.is_empty() { &mention.author } else { &mention.author_handle };
        let names = [&mention.brand, &mention.platform, author].map(String::as_str);
        let [brand, platform, author] = names;
        let (url, text) = (&mention.url, &mention.text);
        csv.write_record([&id, &created_at, brand, platform, author, polarity, intent, &irony, url, text])?;
    }
    csv.flush().context("stdout could not be written")
}

/// Each mention as a line of what it is, its text, and its address.
fn print_table(found: &Found, colours: bool, out: &mut impl Write) -> io::Result<()> {
    for Hit { mention, highlights } in &found.hits {
        let author = if mention.author_handle.is_empty() { &mention.author } else { &mention.author_handle };
        let mut about = vec![
            words::minutes(mention.created_at),
            words::plain(&mention.platform),
            format!("@{}", words::plain(author)),
            words::plain(&mention.brand),
            mention.polarity.unwrap_or("not scored").to_owned(),
        ];
        if mention.irony.is_some_and(|probability| probability >= MAY_BE_IRONIC) {
            about.push("may be ironic".to_owned());
        }
        writeln!(out, "{}", about.join("  "))?;
        writeln!(out, "  {}", marked(&mention.text, highlights, colours))?;
        if !mention.url.is_empty() {
            writeln!(out, "  {}", words::plain(&mention.url))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(found))
}

/// In one line, with what was found in bold, or between `[` and `]` where there are no colours.
fn marked(text: &str, highlights: &[Range<usize>], colours: bool) -> String {
    let (open, close) = if colours { ("\x1b[1;33m", "\x1b[0m") } else { ("[", "]") };
    // What folds white space may not eat it at the border of a mark.
    let piece = |text: &str| {
        let edge = |has: bool| if has { " " } else { "" };
        let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
        match words::plain(text) {
            plain if plain.is_empty() => edge(before).to_owned(),
            plain => format!("{}{plain}{}", edge(before), edge(after)),
        }
    };
    let (mut line, mut at) = (String::new(), 0);
    for range in highlights {
        line += &piece(text.get(at..range.start).unwrap_or_default());
        line += &format!("{open}{}{close}", piece(text.get(range.clone()).unwrap_or_default()));
        at = range.end;
        if line.chars().count() > LONGEST_LINE {
            break;
        }
    }
    let rest = piece(text.get(at..).unwrap_or_default());
    match rest.char_indices().nth(LONGEST_LINE.saturating_sub(line.chars().count())) {
        Some((cut, _)) => format!("{line}{}…", rest[..cut].trim_end()).trim_start().to_owned(),
        None => format!("{line}{rest}").trim().to_owned(),
    }
}

/// How many, how far it was looked, what is no longer there, and how to go on.
fn summary(found: &Found) -> String {
    let Progress { count, at_least, stopped, looked_at, of, reached, .. } = found.progress;
    let sign = if at_least { "at least " } else { "" };
    let mut text = format!("{sign}{}", words::counted(count, "mention", "mentions"));
    if count > found.hits.len() as u64 {
        text += &format!(", {} of them shown", words::count(found.hits.len() as u64));
    }
    if stopped {
        let of = of.map(|of| format!(" of {}", words::count(of))).unwrap_or_default();
        let (looked_at, reached) = (words::count(looked_at), words::minutes(reached));
        text += &format!("; looked at {looked_at}{of} stored rows, as far as {reached} (UTC), and stopped there");
    }
    for line in no_longer_kept(&found.removed) {
        text += &format!("\n{line}");
    }
    match found.next {
        Some(next) => text + &format!("\nhint: go on with --after {next}"),
        None => text,
    }
}

/// A line for each time before which mentions went, with whose they are.
fn no_longer_kept(removed: &[Removed]) -> Vec<String> {
    let mut whose: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
    for Removed { brand, platform, to, .. } in removed {
        whose.entry(*to).or_default().push(format!("{} on {}", words::plain(brand), words::plain(platform)));
    }
    let line = |(to, whose): (Timestamp, Vec<String>)| {
        let more = whose.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {} more", words::count(more as u64)) } else { String::new() };
        let named: Vec<String> = whose.into_iter().take(MOST_NAMED).collect();
        format!("no longer kept from before {} (UTC): {}{more}", words::minutes(to), named.join(", "))
    };
    whose.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_marked_in_a_line_that_can_not_steer_the_terminal() {
        let text = "the New\n Phone\x1b[2J of Acme ";
        assert_eq!(marked(text, &[4..14, 22..26], false), "the [New Phone]\u{fffd}[2J of [Acme]");
        assert_eq!(marked("acme", std::slice::from_ref(&(0..4)), true), "\x1b[1;33macme\x1b[0m");
        let long = marked(&format!("acme {}", "é".repeat(2000)), std::slice::from_ref(&(0..4)), false);
        assert!(long.starts_with("[acme] éé") && long.ends_with("é…") && long.chars().count() <= LONGEST_LINE + 1);
    }

    fn hit(text: &str, irony: Option<f32>) -> Hit {
        let time: jiff::Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let mention = grapevine_store::MentionRow {
            id: grapevine_model::MentionId(7),
            brand: "Acme".into(),
            platform: "bluesky".into(),
            kind: "post".into(),
            space: String::new(),
            url: String::new(),
            author: "did:1".into(),
            author_handle: "ada".into(),
            author_name: String::new(),
            author_followers: None,
            created_at: time,
            observed_at: time,
            text: text.into(),
            language: "en".into(),
            hashtags: vec![],
            handles: vec![],
            likes: None,
            reposts: None,
            replies: None,
            monitor: "name".into(),
            team: false,
            owned_space: false,
            polarity: Some("positive"),
            confidence: Some(0.9),
            intent: None,
            hostility: None,
            irony,
            themes: vec![],
            model: "m@1".into(),
            story: None,
            labels: vec![],
        };
        Hit { mention, highlights: vec![] }
    }

    #[test]
    fn irony_is_shown_where_it_is_likely_and_handed_on_as_it_is() {
        let hits = vec![hit("lovely, it broke again", Some(0.86)), hit("lovely", Some(0.6)), hit("fine", None)];
        let progress = Progress {
            count: 3,
            at_least: false,
            stopped: false,
            looked_at: 3,
            of: None,
            reached: "2026-03-01T10:00:00Z".parse().unwrap(),
            indexed: false,
        };
        let mut out = vec![];
        print_csv(&hits, &mut out).unwrap();
        print_table(&Found { hits, next: None, progress, removed: vec![] }, false, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_search_that_stopped_says_how_far_it_came_and_how_to_go_on() {
        let progress = Progress {
            count: 0,
            at_least: true,
            stopped: true,
            looked_at: 200_000,
            of: Some(3_000_000),
            reached: "2026-03-01T10:00:00Z".parse().unwrap(),
            indexed: false,
        };
        let next = Some("2026-03-01T10:00:00Z".parse().unwrap());
        let stopped = Found { hits: vec![], next, progress: progress.clone(), removed: vec![] };
        insta::assert_snapshot!(summary(&stopped));
        let progress = Progress { count: 1, at_least: false, stopped: false, ..progress };
        let found = Found { hits: vec![], next: None, progress, removed: vec![] };
        assert_eq!(summary(&found), "1 mention, 0 of them shown");
    }

    #[test]
    fn what_retention_removed_of_the_span_is_said_by_when_and_whose() {
        let removed = |brand: &str, platform: String, to: &str| Removed {
            brand: brand.into(),
            platform,
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            to: to.parse().unwrap(),
        };
        let mut all: Vec<Removed> =
            (1..9).map(|n| removed("Acme", format!("forum{n}"), "2026-03-01T00:00:00Z")).collect();
        all.push(removed("Nova", "x".into(), "2026-02-01T00:00:00Z"));
        insta::assert_snapshot!(no_longer_kept(&all).join("\n"));
    }
}
