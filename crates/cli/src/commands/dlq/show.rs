//! `grapevine dlq show`.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    letters::{Letter, State},
    list::words_of,
};
use crate::{
    commands::words,
    stages::dead_letter::{DeadLetter, Original},
};

/// All there is to say about a letter.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    #[serde(flatten)]
    pub letter: &'a Letter,
    pub record: &'a Option<crate::stages::dead_letter::Origin>,
    pub original: &'a Original,
}

impl<'a> Shown<'a> {
    pub fn new(letter: &'a Letter, parked: &'a DeadLetter) -> Self {
        Self { letter, record: &parked.record, original: &parked.original }
    }
}

pub fn print(shown: &Shown<'_>, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let letter = shown.letter;
    let times = if letter.times > 1 { format!(", {} times after crashes", letter.times) } else { String::new() };
    let parked = format!("{} UTC, {} ago{times}", words::seconds(letter.parked_at), words::age(letter.parked_at, now));
    writeln!(out, "letter {}", letter.number)?;
    writeln!(out, "parked  {parked}")?;
    writeln!(out, "stage   {}", letter.stage)?;
    writeln!(out, "place   {}", words::plain(&letter.place))?;
    writeln!(out, "reason  {}", words::plain(&letter.reason))?;
    if let Some(record) = shown.record {
        let key = match &record.key {
            Original::Utf8(key) if key.is_empty() => "none".to_owned(),
            Original::Utf8(key) | Original::Hex(key) => words::plain(key),
        };
        writeln!(out, "record  {} partition {}, key {key}", record.topic, record.partition)?;
    }
    writeln!(out, "state   {}", words_of(letter.state))?;
    writeln!(out, "size    {}\n", words::size(letter.bytes))?;
    writeln!(out, "{}", readable(shown.original))?;
    if !matches!(letter.state, State::Replayed { .. }) {
        writeln!(out, "\n{}", mend_hint(letter))?;
    }
    Ok(())
}

/// What a person can do about a letter of its stage.
fn mend_hint(letter: &Letter) -> String {
    let n = letter.number;
    let first = match letter.stage.as_str() {
        "ingest" => format!("mend the settings of its source, then `grapevine dlq replay {n}`"),
        _ => format!("where a newer grapevine reads it, `grapevine dlq replay {n}`"),
    };
    format!(
        "hint: {first}\n      or mend its bytes: `grapevine dlq show {n} --raw > mended`, edit, `grapevine dlq replay {n} \
         --mended mended`"
    )
}

/// Indented where it is JSON; as it is where it is text; else its bytes in hexadecimal.
pub fn readable(original: &Original) -> String {
    let Some(bytes) = original.bytes() else { return "its bytes are damaged".to_owned() };
    let text = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(value) => serde_json::to_string_pretty(&value).ok(),
        Err(_) => String::from_utf8(bytes.clone()).ok(),
    };
    let harmless = |text: &String| !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'));
    match text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).filter(harmless) {
        Some(text) if !text.is_empty() => text,
        _ => hexdump(&bytes),
    }
}

/// Sixteen bytes a line: offset, hexadecimal, what is printable.
fn hexdump(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (at, line) in bytes.chunks(16).enumerate() {
        let hexadecimal: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        let text: String = line.iter().map(printable).collect();
        // Writing to a string can not fail.
        let _ = writeln!(out, "{:08x}  {:<47}  |{text}|", at * 16, hexadecimal.join(" "));
    }
    out.trim_end().to_owned()
}
