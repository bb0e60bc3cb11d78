//! A look at what a source gives.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use grapevine_model::{Event, Mention};
use grapevine_sources::{Cursor, Progress, Rejected, Source, SourceError};

use crate::commands::words;

/// A source that rejects or skips everything is not read for ever.
const MOST_POLLS: usize = 200;
/// Polls in a row that give nothing, at most. Each waits a moment: a stream has to connect, and to hear something.
const MOST_IDLE: usize = 6;
/// Of a text, at most: the table cuts it further.
const MOST_TEXT: usize = 400;
/// Rejected pieces that are shown; more are counted.
const MOST_REJECTED: usize = 10;

/// The first mentions of a source, and what else its pages held.
#[derive(Debug, Default)]
pub struct Glance {
    limit: usize,
    mentions: Vec<Mention>,
    /// What else came, by name.
    others: Vec<String>,
    rejected: Vec<Rejected>,
}

impl Glance {
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Reads from the beginning until there is enough, or nothing more. Its cursors go nowhere.
    /// `waits` for what is pushed or streamed: an end is no reason to stop.
    pub async fn read(&mut self, source: &mut dyn Source, waits: bool) -> Result<(), SourceError> {
        let (mut cursor, mut idle): (Option<Cursor>, usize) = (None, 0);
        let mut polls = 0;
        while waits || polls < MOST_POLLS {
            polls += 1;
            let page = source.poll(cursor.as_ref()).await?;
            idle = if page.state == Progress::CaughtUp && page.events.is_empty() { idle + 1 } else { 0 };
            page.events.into_iter().for_each(|event| self.take(event));
            self.rejected.extend(page.rejected);
            if self.mentions.len() >= self.limit || page.state == Progress::Ended || (!waits && idle > MOST_IDLE) {
                break;
            }
            cursor = Some(page.cursor);
        }
        Ok(())
    }

    /// Nothing came at all.
    pub fn is_empty(&self) -> bool {
        self.mentions.is_empty() && self.others.is_empty() && self.rejected.is_empty()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Upsert(mention) if self.mentions.len() < self.limit => self.mentions.push(*mention),
            Event::Upsert(_) => {}
            Event::Gap(gap) => self.others.push(format!("a gap: {}", words::plain(&gap.reason))),
            Event::Sampled(sampled) => {
                self.others.push(format!("{:.0} % was read: {}", sampled.rate * 100.0, words::plain(&sampled.reason)));
            }
            Event::Delete(deletion) => {
                self.others.push(format!("a deletion: {}", words::plain(&deletion.key.to_string())))
            }
            other => self.others.push(other.name().replace('_', " ")),
        }
    }

    /// One line a mention, cut to `width` columns.
    pub fn print(&self, width: u16, out: &mut impl Write) -> io::Result<()> {
        if self.mentions.is_empty() {
            writeln!(
                out,
                "no mention came; some kinds begin at the present, unless their backfill key says how far back"
            )?;
        } else {
            writeln!(out, "{}", self.table(width).trim_fmt())?;
        }
        if !self.others.is_empty() {
            writeln!(out, "\nalso:")?;
            self.others.iter().take(MOST_REJECTED).try_for_each(|other| writeln!(out, "  {other}"))?;
        }
        if !self.rejected.is_empty() {
            writeln!(out, "\nrejected: {}", words::count(self.rejected.len() as u64))?;
        }
        for rejected in self.rejected.iter().take(MOST_REJECTED) {
            writeln!(out, "  {}: {}", words::plain(&rejected.place), words::plain(&rejected.reason))?;
        }
        writeln!(out, "\nnothing was stored, and no checkpoint was moved")
    }

    fn table(&self, width: u16) -> Table {
        let rows: Vec<[String; 4]> = self.mentions.iter().map(row).collect();
        let fixed = (0..3).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(6));
        let urls: Vec<String> =
            self.mentions.iter().map(|mention| words::plain(mention.url.as_deref().unwrap_or("-"))).collect();
        let url = urls.iter().map(|url| url.chars().count()).max().unwrap_or(0).min(usize::from(width) / 3);
        // Two columns lie between two cells, one before the first and one after the last.
        let room = usize::from(width).saturating_sub(fixed.sum::<usize>() + url + 10).max(20);
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["WHEN", "AUTHOR", "KIND", "TEXT", "URL"]);
        for ([when, author, kind, text], link) in rows.into_iter().zip(urls) {
            table.add_row([when, author, kind, cut(&text, room), cut(&link, url)]);
        }
        table
    }
}

fn row(mention: &Mention) -> [String; 4] {
    let author = match mention.author.handle.as_str() {
        "" => mention.author.native_id.as_str(),
        handle => handle,
    };
    let text: String = mention.text.chars().take(MOST_TEXT).collect();
    let author = cut(&words::plain(author), 24);
    [words::minutes(mention.created_at), author, mention.kind.name().to_owned(), words::plain(&text)]
}

/// At most so many characters, with a sign where more were there.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}
