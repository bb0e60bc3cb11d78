use std::{io, sync::Arc};

use grapevine_model::{Event, Gap, Mention};
use jiff::Timestamp;

use super::{
    FileSpec,
    cursor::Position,
    map::map,
    record::{Format, csv_fields, csv_row, parse_json, text},
    tail::{Piece, Pieces, Tail},
};
use crate::{Cursor, Page, Progress, Rejected, SourceError, registry::Clock};

/// How much of a rejected line goes into its dead letter.
const RAW_KEPT: usize = 64 << 10;

/// Reads pages of one configured file. Blocks.
pub(crate) struct Reader {
    spec: FileSpec,
    clock: Arc<dyn Clock>,
    open: Option<Opened>,
    /// The latest `complete_through` that was given: it never goes back.
    through: Option<Timestamp>,
}

struct Opened {
    tail: Tail,
    /// Columns of a CSV file, once its first line is whole.
    header: Vec<String>,
}

/// Where a page starts.
struct Start {
    position: Position,
    gap: Option<Gap>,
}

impl Reader {
    pub(crate) fn new(spec: FileSpec, clock: Arc<dyn Clock>) -> Self {
        Self { spec, clock, open: None, through: None }
    }

    pub(crate) fn check(&mut self) -> Result<(), SourceError> {
        self.opened().map(|_| ())
    }

    pub(crate) fn page(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut start = self.start(cursor)?;
        let mut pieces = self.read(&start.position, false)?;
        if self.spec.follow && pieces.at_end && pieces.pieces.is_empty() && self.was_replaced() {
            // The old file gets no more lines: what stands there unfinished is its last one.
            pieces = self.read(&start.position, true)?;
            if pieces.pieces.is_empty() {
                tracing::info!("source {}: {} was replaced; reading the new file", self.spec.name, self.shown());
                self.open = None;
                start.position = Position { newest: start.position.newest, ..Position::start() };
                pieces = self.read(&start.position, false)?;
            }
        }
        Ok(self.finish(start, pieces))
    }

    /// One record that was rejected, once more.
    pub(crate) fn remap(&mut self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        if raw.len() >= RAW_KEPT {
            let kept = RAW_KEPT >> 10;
            return Err(format!("only its first {kept} KiB were kept: append the mended line to the file instead"));
        }
        if matches!(self.spec.format, Format::Csv { .. }) {
            self.opened().map_err(|error| error.to_string())?;
        }
        let piece = Piece { offset: 0, line: 0, bytes: raw.to_vec(), fault: None };
        let mention = self.mention(&piece, observed_at)?;
        Ok(mention.map(|mention| Event::Upsert(Box::new(mention))).into_iter().collect())
    }

    fn shown(&self) -> String {
        self.spec.path.display().to_string()
    }

    fn file_name(&self) -> String {
        self.spec.path.file_name().unwrap_or(self.spec.path.as_os_str()).to_string_lossy().into_owned()
    }

    fn failure(&self, error: &io::Error) -> SourceError {
        let message = format!("cannot read {}: {error}: check `path` of source {:?}", self.shown(), self.spec.name);
        match error.kind() {
            io::ErrorKind::NotFound if self.spec.follow => SourceError::Transient(message),
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => SourceError::Config(message),
            _ => SourceError::Transient(message),
        }
    }

    fn was_replaced(&self) -> bool {
        self.open.as_ref().is_some_and(|opened| opened.tail.was_replaced(&self.spec.path))
    }

    fn opened(&mut self) -> Result<&mut Opened, SourceError> {
        if self.open.is_none() {
            let tail = Tail::open(&self.spec.path).map_err(|error| self.failure(&error))?;
            self.open = Some(Opened { tail, header: Vec::new() });
        }
        if let Format::Csv { delimiter } = self.spec.format {
            self.read_header(delimiter)?;
        }
        self.open.as_mut().ok_or_else(|| SourceError::Transient("the file was closed".to_owned()))
    }

    fn read_header(&mut self, delimiter: u8) -> Result<(), SourceError> {
        let (format, follow) = (self.spec.format, self.spec.follow);
        let Some(opened) = self.open.as_mut().filter(|opened| opened.header.is_empty()) else { return Ok(()) };
        let first = opened.tail.first_record(format, follow).map_err(|error| self.failure(&error))?;
        let Some(first) = first else { return Ok(()) };
        let wrong = |message: String| SourceError::Config(format!("the header of {}: {message}", self.shown()));
        let line = text(&first).map_err(&wrong)?.ok_or_else(|| wrong("the first line is blank".to_owned()))?;
        let header = csv_fields(line, delimiter).map_err(&wrong)?;
        if let Some(twice) = header.iter().enumerate().find_map(|(i, name)| header[..i].contains(name).then_some(name))
        {
            return Err(wrong(format!("two columns are named {twice:?}: rename one")));
        }
        if let Some((field, column)) = self.spec.fields.missing_column(&header) {
            let columns = header.join(", ");
            return Err(wrong(format!("there is no column {column:?}, which fields.{field} names; it has {columns}")));
        }
        if let Some(opened) = self.open.as_mut() {
            opened.header = header;
        }
        Ok(())
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
            "{} is not the file that was read up to byte {}: it was cut, replaced or changed",
            self.shown(),
            position.offset
        );
        Ok(self.lost(position.newest, reason))
    }

    fn fits(&mut self, position: &Position) -> Result<bool, SourceError> {
        self.opened()?.tail.fits(position).map_err(|error| self.failure(&error))
    }

    fn lost(&self, newest: Option<Timestamp>, reason: String) -> Start {
        let now = self.clock.now();
        tracing::warn!("source {}: {reason}; reading it from its beginning", self.spec.name);
        let from = newest.unwrap_or(now).min(now);
        let gap = Gap { source: self.spec.name.clone(), from, to: now, reason };
        Start { position: Position { newest, ..Position::start() }, gap: Some(gap) }
    }

    fn read(&mut self, from: &Position, take_rest: bool) -> Result<Pieces, SourceError> {
        let (format, take_rest) = (self.spec.format, take_rest || !self.spec.follow);
        let opened = self.opened()?;
        if matches!(format, Format::Csv { .. }) && opened.header.is_empty() {
            // Rows that arrive before the header is known are read once it is.
            return Ok(Pieces { pieces: Vec::new(), at_end: true, next: from.clone() });
        }
        let mut pieces = opened.tail.read(from, format, take_rest).map_err(|error| self.failure(&error))?;
        let is_header = from.offset == 0 && matches!(format, Format::Csv { .. });
        if is_header && !pieces.pieces.is_empty() {
            pieces.pieces.remove(0);
        }
        Ok(pieces)
    }

    fn finish(&mut self, start: Start, pieces: Pieces) -> Page {
        let now = self.clock.now();
        // A post from the future says nothing of how far the file was read, and must not close the present.
        let of_the_past = |at: &Timestamp| *at <= now;
        let mut newest = start.position.newest.filter(of_the_past);
        let mut events: Vec<Event> = start.gap.into_iter().map(Event::Gap).collect();
        let mut rejected = Vec::new();
        for piece in &pieces.pieces {
            match self.mention(piece, now) {
                Ok(Some(mention)) => {
                    newest = newest.max(Some(mention.created_at).filter(of_the_past));
                    events.push(Event::Upsert(Box::new(mention)));
                }
                Ok(None) => {}
                Err(reason) => rejected.push(self.reject(piece, reason)),
            }
        }
        let state = match (pieces.at_end, self.spec.follow) {
            (false, _) => Progress::Behind,
            (true, true) => Progress::CaughtUp,
            (true, false) => Progress::Ended,
        };
        let cursor = Position { newest, ..pieces.next }.cursor();
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

    fn mention(&self, piece: &Piece, observed_at: Timestamp) -> Result<Option<Mention>, String> {
        if let Some(fault) = piece.fault {
            return Err(fault.to_owned());
        }
        let Some(line) = text(&piece.bytes)? else { return Ok(None) };
        let record = match self.spec.format {
            Format::Ndjson => parse_json(line)?,
            Format::Csv { delimiter } => {
                let header = self.open.as_ref().map_or(&[][..], |opened| &opened.header);
                csv_row(line, delimiter, header)?
            }
        };
        let mut mention = map(&record, &self.spec.fields, observed_at)?;
        mention.raw = self.spec.keep_raw.then(|| line.to_owned());
        Ok(Some(mention))
    }

    fn reject(&self, piece: &Piece, reason: String) -> Rejected {
        let place = format!("{} line {} (byte {})", self.file_name(), piece.line, piece.offset);
        let kept = piece.bytes.len().min(RAW_KEPT);
        Rejected { place, reason, raw: piece.bytes[..kept].to_vec() }
    }
}
