//! What a message holds beside its text: embeds, attachments, stickers, a poll. Pure.

use grapevine_model::Media;
use serde_json::Value;

use crate::json::{int, list, object, owned, push_new, text};

/// The text, then what an app says in embeds and components, then a poll. Of a link's preview nothing: its author did not
/// write it.
pub(super) fn words(message: &Value) -> String {
    let mut parts: Vec<String> = owned(message, "content").into_iter().collect();
    for embed in list(message, "embeds").iter().filter(|embed| is_written(embed)) {
        parts.extend(["title", "description"].iter().filter_map(|field| owned(embed, field)));
        for field in list(embed, "fields") {
            parts.extend(["name", "value"].iter().filter_map(|part| owned(field, part)));
        }
    }
    list(message, "components").iter().for_each(|component| component_words(component, &mut parts));
    parts.extend(owned(message, "poll.question.text"));
    parts.extend(list(message, "poll.answers").iter().filter_map(|answer| owned(answer, "poll_media.text")));
    parts.join("\n")
}

/// Previews have types of their own: `link`, `article`, `video`, `image`, `gifv`.
fn is_written(embed: &Value) -> bool {
    matches!(text(embed, "type"), None | Some("rich"))
}

/// Texts stand in components of type 10, at any depth.
fn component_words(component: &Value, parts: &mut Vec<String>) {
    if int(component, "type") == Some(10) {
        parts.extend(owned(component, "content"));
    }
    list(component, "components").iter().for_each(|inner| component_words(inner, parts));
}

pub(super) fn links(message: &Value) -> Vec<String> {
    let mut links = Vec::new();
    list(message, "embeds").iter().filter_map(|embed| text(embed, "url")).for_each(|link| push_new(&mut links, link));
    list(message, "components").iter().for_each(|component| component_links(component, &mut links));
    links
}

/// Buttons that lead out.
fn component_links(component: &Value, links: &mut Vec<String>) {
    push_new(links, text(component, "url").unwrap_or_default());
    list(component, "components").iter().for_each(|inner| component_links(inner, links));
}

pub(super) fn media(message: &Value) -> Vec<Media> {
    let mut media: Vec<Media> = Vec::new();
    let mut add = |kind: &str, url: Option<&str>| {
        if let Some(url) = url.filter(|url| media.iter().all(|known| known.url != *url)) {
            media.push(Media { kind: kind.to_owned(), url: url.to_owned() });
        }
    };
    for attachment in list(message, "attachments") {
        add(kind_of(attachment), text(attachment, "url").or_else(|| text(attachment, "proxy_url")));
    }
    for embed in list(message, "embeds") {
        add("image", text(embed, "image.url"));
        add("video", text(embed, "video.url"));
        if text(embed, "image.url").is_none() && text(embed, "video.url").is_none() {
            add("image", text(embed, "thumbnail.url"));
        }
    }
    for sticker in list(message, "sticker_items").iter().chain(list(message, "stickers")) {
        if let Some(id) = text(sticker, "id") {
            // Lottie is an animation that is drawn from data.
            let ending = match int(sticker, "format_type") {
                Some(3) => "json",
                Some(4) => "gif",
                _ => "png",
            };
            add("image", Some(&format!("https://cdn.discordapp.com/stickers/{id}.{ending}")));
        }
    }
    list(message, "components").iter().for_each(|component| gallery(component, &mut media));
    media
}

/// Pictures of galleries (12), thumbnails (11) and files (13).
fn gallery(component: &Value, media: &mut Vec<Media>) {
    let items = list(component, "items").iter().chain([component]);
    for file in items.filter_map(|item| object(item, "media").or_else(|| object(item, "file"))) {
        let kind = text(file, "content_type").map_or("image", |_| kind_of(file));
        media.extend(owned(file, "url").map(|url| Media { kind: kind.to_owned(), url }));
    }
    let inner = list(component, "components").iter().chain(component.get("accessory"));
    inner.for_each(|inner| gallery(inner, media));
}

fn kind_of(attachment: &Value) -> &'static str {
    let stated = text(attachment, "content_type").and_then(|kind| kind.split('/').next());
    let ending = text(attachment, "filename").and_then(|name| name.rsplit('.').next()).unwrap_or_default();
    match (stated, ending.to_lowercase().as_str()) {
        (Some("image"), _) | (None, "png" | "jpg" | "jpeg" | "gif" | "webp") => "image",
        (Some("video"), _) | (None, "mp4" | "mov" | "webm") => "video",
        (Some("audio"), _) | (None, "mp3" | "ogg" | "wav" | "flac") => "audio",
        _ => "link",
    }
}
