//! What a message holds: words, pictures, a poll.

use grapevine_model::Media;
use serde_json::Value;

use crate::json::{int, list, owned, push_new, text};

/// What somebody wrote or sent.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// With what stands in for words where there are none: a poll's question, a sticker's sign.
    pub(super) text: String,
    /// The part that the entities are about.
    pub(super) written: &'a str,
    pub(super) entities: &'a [Value],
    pub(super) media: Vec<Media>,
    /// Beside those of the entities.
    pub(super) links: Vec<String>,
}

/// Messages hold files by an id for which only the bot gets an address, with its token in it. That address is shown to
/// nobody: in its place stands the message's own, or else the id.
pub(super) fn read<'a>(message: &'a Value, url: Option<&str>) -> Option<Content<'a>> {
    let (written, entities) = match text(message, "text") {
        Some(written) => (written, list(message, "entities")),
        None => (text(message, "caption").unwrap_or_default(), list(message, "caption_entities")),
    };
    let media = media(message, url);
    let stand_in = stand_in(message);
    if written.is_empty() && media.is_empty() && stand_in.is_none() {
        return None;
    }
    let parts = [written, stand_in.as_deref().unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(Content { text: parts.join("\n\n"), written, entities, media, links: links(message) })
}

fn links(message: &Value) -> Vec<String> {
    let mut links = Vec::new();
    push_new(&mut links, text(message, "link_preview_options.url").unwrap_or_default());
    let buttons = list(message, "reply_markup.inline_keyboard").iter().filter_map(Value::as_array).flatten();
    buttons.filter_map(|button| text(button, "url")).for_each(|link| push_new(&mut links, link));
    links
}

/// What is said without a text.
fn stand_in(message: &Value) -> Option<String> {
    let lines = |first: Option<&str>, rest: &[Value], field: &str| {
        let rest = rest.iter().filter_map(|item| text(item, field));
        let lines: Vec<&str> = first.into_iter().chain(rest).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    let pair = |first: &str, second: &str| {
        let both: Vec<&str> = [first, second].into_iter().filter_map(|path| text(message, path)).collect();
        (!both.is_empty()).then(|| both.join("\n"))
    };
    lines(text(message, "poll.question"), list(message, "poll.options"), "text")
        .or_else(|| lines(text(message, "checklist.title"), list(message, "checklist.tasks"), "text"))
        .or_else(|| pair("venue.title", "venue.address"))
        .or_else(|| pair("game.title", "game.description"))
        .or_else(|| pair("invoice.title", "invoice.description"))
        .or_else(|| owned(message, "sticker.emoji"))
        .or_else(|| owned(message, "dice.emoji"))
}

fn media(message: &Value, url: Option<&str>) -> Vec<Media> {
    let place = |file: &Value| {
        url.map(str::to_owned).or_else(|| text(file, "file_id").map(|id| format!("tg://file?id={id}")))
    };
    let mut found = Vec::new();
    for (field, kind) in [
        // The sizes of one picture, the largest last.
        ("photo", "image"),
        ("sticker", "image"),
        // An animation is there as a document, too.
        ("animation", "video"),
        ("video", "video"),
        ("video_note", "video"),
        ("audio", "audio"),
        ("voice", "audio"),
        ("document", "link"),
    ] {
        let file = message.get(field).and_then(|file| file.as_array().map_or(Some(file), |sizes| sizes.last()));
        if let Some(file) = file.filter(|file| file.is_object() && (field != "document" || found.is_empty())) {
            let kind = if field == "document" { kind_of(file) } else { kind };
            found.extend(place(file).map(|url| Media { kind: kind.to_owned(), url }));
        }
    }
    for paid in list(message, "paid_media.paid_media") {
        let (field, kind) = if text(paid, "type") == Some("video") { ("video", "video") } else { ("photo", "image") };
        found.extend(place(paid.get(field).unwrap_or(paid)).map(|url| Media { kind: kind.to_owned(), url }));
    }
    let story = message.get("story").and_then(|story| {
        Some(format!("https://t.me/{}/s/{}", text(story, "chat.username")?, int(story, "id")?))
    });
    found.extend(story.map(|url| Media { kind: "link".to_owned(), url }));
    found
}

fn kind_of(file: &Value) -> &'static str {
    match text(file, "mime_type").and_then(|kind| kind.split('/').next()) {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "link",
    }
}
