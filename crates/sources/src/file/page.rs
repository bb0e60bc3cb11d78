use std::sync::Arc;

use grapevine_model::{Event, Gap};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    FileSpec,
    cursor::Position,
    lines::Lines,
    map::map,
    parquet::Table,
    record::{Format, parse_json, text},
    tail::PAGE_RECORDS,
};
use crate::{Cursor, Page, Progress, Rejected, SourceError, registry::Clock, rows::Noted};

/// How much of a rejected record goes into its dead letter.
const RAW_KEPT: usize = 64 << 10;

/// Reads pages of one configured file. Blocks.
pub(crate) struct Reader {
    spec: FileSpec,
    clock: Arc<dyn Clock>,
    open: Option<Opened>,
    /// The latest `complete_through` that was given: it never goes back.
    through: Option<Timestamp>,
    noted: Noted,
}

enum Opened {
    Lines(Lines),
    Table(Box<Table>),
}

/// What one read gave.
pub(crate) struct Read {
    pub(crate) records: Vec<Raw>,
    /// Nothing whole stands behind `next`.
    pub(crate) at_end: bool,
    pub(crate) next: Position,
}

/// A record as it stands in the file.
pub(crate) struct Raw {
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
    /// `None` where it is blank.
    pub(crate) value: Result<Option<Value>, String>,
}

/// Where a page starts.
struct Start {
    position: Position,
    gap: Option<Gap>,
}

impl Reader {
    pub(crate) fn new(spec: FileSpec, clock: Arc<dyn Clock>) -> Self {
        Self { spec, clock, open: None, through: None, noted: Noted::default() }
    }

    pub(crate) fn check(&mut self) -> Result<(), SourceError> {
        self.opened().map(|_| ())
    }

    pub(crate) fn page(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut start = self.start(cursor)?;
        let mut read = self.read(&start.position, false)?;
        if self.spec.follow && read.at_end && read.records.is_empty() && self.was_replaced() {
            // The old file gets no more lines: what stands there unfinished is its last one.
            read = self.read(&start.position, true)?;
            if read.records.is_empty() {
                tracing::info!("source {}: {} was replaced; reading the new file", self.spec.name, self.shown());
                self.open = None;
                start.position = Position { newest: start.position.newest, ..Position::start() };
                read = self.read(&start.position, false)?;
            }
        }
        Ok(self.finish(start, read))
    }

    /// One record that was rejected, once more.
    pub(crate) fn remap(&mut self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        if raw.len() >= RAW_KEPT {
            let kept = RAW_KEPT >> 10;
            return Err(format!("only its first {kept} KiB were kept: append the mended line to the file instead"));
        }
        let value = match self.spec.format {
            Format::Parquet => Some(parse_json(std::str::from_utf8(raw).map_err(|error| error.to_string())?)?),
            // The file may be gone: a line needs nothing else of it.
            Format::Ndjson => text(raw)?.map(parse_json).transpose()?,
            Format::Csv { .. } => {
                let spec = self.spec.clone();
                match self.opened().map_err(|error| error.to_string())? {
                    Opened::Lines(lines) => lines.value(&spec, raw)?,
                    Opened::Table(_) => None,
                }
            }
        };
        value.map_or(Ok(Vec::new()), |value| self.events(&value, raw, observed_at))
    }

    pub(crate) fn notice(&self) -> Option<String> {
        self.noted.notice()
    }

    fn shown(&self) -> String {
        self.spec.path.display().to_string()
    }

    fn was_replaced(&self) -> bool {
        matches!(&self.open, Some(Opened::Lines(lines)) if lines.was_replaced(&self.spec))
    }

    fn opened(&mut self) -> Result<&mut Opened, SourceError> {
        let mut opened = match (self.open.take(), self.spec.format) {
            (Some(opened), _) => opened,
            (None, Format::Parquet) => {
                let table = Table::open(&self.spec.path).map_err(|error| self.spec.failure(&error))?;
                Opened::Table(Box::new(table))
            }
            (None, _) => Opened::Lines(Lines::open(&self.spec)?),
        };
        if let Opened::Lines(lines) = &mut opened {
            lines.prepare(&self.spec)?;
        }
        Ok(self.open.insert(opened))
    }

    /// The cursor's place, where the file at hand proves to be the one it was taken in; else the beginning and a gap.
    fn start(&mut self, cursor: Option<&Cursor>) -> Result<Start, SourceError> {
        let Some(cursor) = cursor else { return Ok(Start { position: Position::start(), gap: None }) };
        let Some(position) = Position::of(cursor) else {
            return Ok(self.lost(None, "the saved cursor is of another version".to_owned()));
        };
        if self.fits(&position)? {
            return Ok(Start { position, gap: None });
        }
        // It may be that only the open file is an old one.
        self.open = None;
        if self.fits(&position)? {
            return Ok(Start { position, gap: None });
        }
        let reason = format!(
            "{} is not the file that was read up to {} {}: it was cut, replaced or changed",
            self.shown(),
            if self.spec.format == Format::Parquet { "row" } else { "byte" },
            position.offset
        );
        Ok(self.lost(position.newest, reason))
    }

    fn fits(&mut self, position: &Position) -> Result<bool, SourceError> {
        let fits = match self.opened()? {
            Opened::Lines(lines) => lines.fits(position),
            Opened::Table(table) => Ok(table.fits(position)),
        };
        fits.map_err(|error| self.spec.failure(&error))
    }

    fn lost(&self, newest: Option<Timestamp>, reason: String) -> Start {
        let now = self.clock.now();
        tracing::warn!("source {}: {reason}; reading it from its beginning", self.spec.name);
        let from = newest.unwrap_or(now).min(now);
        let gap = Gap { source: self.spec.name.clone(), from, to: now, reason };
        Start { position: Position { newest, ..Position::start() }, gap: Some(gap) }
    }

    fn read(&mut self, from: &Position, take_rest: bool) -> Result<Read, SourceError> {
        let spec = self.spec.clone();
        match self.opened()? {
            Opened::Lines(lines) => lines.read(&spec, from, take_rest),
            Opened::Table(table) => {
                let (rows, next) = table.read(from, PAGE_RECORDS).map_err(|error| spec.failure(&error))?;
                let at_end = table.is_read(&next);
                let records = rows.into_iter().map(|(row, value)| Raw {
                    place: format!("{} row {}", spec.file_name(), row + 1),
                    bytes: value.as_ref().map(|value| value.to_string().into_bytes()).unwrap_or_default(),
                    value: value.map(Some),
                });
                Ok(Read { records: records.collect(), at_end, next })
            }
        }
    }

    fn finish(&mut self, start: Start, read: Read) -> Page {
        let now = self.clock.now();
        // A post from the future says nothing of how far the file was read, and must not close the present.
        let of_the_past = |at: &Timestamp| *at <= now;
        let mut newest = start.position.newest.filter(of_the_past);
        let mut events: Vec<Event> = start.gap.into_iter().map(Event::Gap).collect();
        let mut rejected = Vec::new();
        for Raw { place, bytes, value } in read.records {
            let found = match value {
                Ok(None) => continue,
                Ok(Some(value)) => self.events(&value, &bytes, now),
                Err(reason) => Err(reason),
            };
            match found {
                Ok(found) => {
                    newest = newest.max(found.iter().filter_map(happened_at).filter(of_the_past).max());
                    events.extend(found);
                }
                Err(reason) => {
                    let kept = bytes.len().min(RAW_KEPT);
                    rejected.push(Rejected { place, reason, raw: bytes[..kept].to_vec() });
                }
            }
        }
        let state = match (read.at_end, self.spec.follow) {
            (false, _) => Progress::Behind,
            (true, true) => Progress::CaughtUp,
            (true, false) => Progress::Ended,
        };
        let cursor = Position { newest, ..read.next }.cursor();
        Page { events, rejected, cursor, complete_through: self.complete_through(state, newest, now), state }
    }

    fn complete_through(&mut self, state: Progress, newest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let through = match state {
            Progress::Ended => Some(now),
            Progress::CaughtUp => Some(now - self.spec.lateness),
            Progress::Behind if !self.spec.ordered => None,
            Progress::Behind => newest.map(|newest| newest - self.spec.lateness),
        };
        self.through = self.through.max(through);
        self.through
    }

    fn events(&mut self, value: &Value, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        if let Some(rows) = &self.spec.rows {
            return rows.map(value, observed_at).map(|mapped| self.noted.take(mapped));
        }
        let mut mention = map(value, &self.spec.fields, observed_at)?;
        let line = || String::from_utf8_lossy(raw).trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).to_owned();
        mention.raw = self.spec.keep_raw.then(line);
        Ok(vec![Event::Upsert(Box::new(mention))])
    }
}

/// By which files are ordered.
fn happened_at(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Upsert(mention) => Some(mention.created_at),
        Event::Campaign(row) => Some(row.from),
        Event::Survey(row) => Some(row.answered_at),
        _ => None,
    }
}
