//! JSON Feed as sites really write it: the parser refuses a whole feed for one number where a text should be.

use serde_json::{Map, Value, json};

use super::extra::Extra;

/// Fields that are texts.
const FEED: [&str; 7] = ["title", "home_page_url", "feed_url", "language", "description", "icon", "favicon"];
const ITEM: [&str; 10] = [
    "id",
    "url",
    "external_url",
    "title",
    "content_html",
    "content_text",
    "summary",
    "date_published",
    "date_modified",
    "language",
];
/// A picture of the item as a whole.
const PICTURES: [&str; 2] = ["image", "banner_image"];

/// The same feed with what is of another type than it should be left out, or put right. `None` where it is no JSON object.
pub(super) fn mend(bytes: &[u8]) -> Option<(Vec<u8>, Vec<Extra>)> {
    let Value::Object(mut feed) = serde_json::from_slice(bytes).ok()? else { return None };
    texts(&mut feed, &FEED);
    feed.entry("title").or_insert_with(|| "".into());
    authors(&mut feed);
    let items = feed.remove("items").and_then(|items| items.as_array().cloned()).unwrap_or_default();
    let mut items: Vec<Value> = items.into_iter().filter(Value::is_object).collect();
    let extras = items.iter_mut().filter_map(Value::as_object_mut).map(item).collect();
    feed.insert("items".to_owned(), items.into());
    Some((Value::Object(feed).to_string().into_bytes(), extras))
}

fn item(item: &mut Map<String, Value>) -> Extra {
    texts(item, &ITEM);
    authors(item);
    let tags = item.remove("tags").and_then(|tags| tags.as_array().cloned()).unwrap_or_default();
    item.insert("tags".to_owned(), tags.into_iter().filter(Value::is_string).collect());
    let files = item.remove("attachments").and_then(|files| files.as_array().cloned()).unwrap_or_default();
    let pictures = PICTURES.iter().filter_map(|field| item.get(*field)?.as_str());
    let pictures = pictures.map(|url| json!({"url": url, "mime_type": "image/*"}));
    let files: Vec<Value> = pictures.chain(files.into_iter().filter_map(attachment)).collect();
    item.insert("attachments".to_owned(), files.into());
    let language = item.get("language").and_then(Value::as_str).map(str::to_owned);
    Extra { language, ..Extra::default() }
}

/// Without a type it is taken for a file of some kind.
fn attachment(mut file: Value) -> Option<Value> {
    let fields = file.as_object_mut()?;
    texts(fields, &["url", "mime_type", "title"]);
    fields.get("url")?;
    fields.entry("mime_type").or_insert_with(|| "application/octet-stream".into());
    fields.retain(|name, value| name != "size_in_bytes" || value.is_u64());
    Some(file)
}

/// Numbers become texts, as the format asks of readers; what else is no text goes.
fn texts(object: &mut Map<String, Value>, fields: &[&str]) {
    for value in object.iter_mut().filter(|(name, _)| fields.contains(&name.as_str())).map(|(_, value)| value) {
        if let Value::Number(number) = value {
            *value = number.to_string().into();
        }
    }
    object.retain(|name, value| !fields.contains(&name.as_str()) || value.is_string());
}

/// A person may be written as a name alone.
fn authors(object: &mut Map<String, Value>) {
    let person = |value: Value| match value {
        Value::String(name) => Some(json!({"name": name})),
        Value::Object(mut person) => {
            texts(&mut person, &["name", "url"]);
            Some(Value::Object(person))
        }
        _ => None,
    };
    let one = object.remove("author").into_iter();
    let all = object.remove("authors").and_then(|all| all.as_array().cloned()).unwrap_or_default();
    let all: Vec<Value> = one.chain(all).filter_map(person).collect();
    if !all.is_empty() {
        object.insert("authors".to_owned(), all.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_field_of_a_wrong_type_does_not_cost_the_feed() {
        let feed = r#"{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": 7, "title": null, "tags": ["a", 1],
            "author": "Ann", "image": "https://a.example/i", "language": "fr",
            "attachments": [{"url": "https://a.example/a"}, {"size_in_bytes": 1}]}, "x"]}"#;
        let (mended, extras) = mend(feed.as_bytes()).unwrap();
        let mended: Value = serde_json::from_slice(&mended).unwrap();
        assert_eq!(
            mended["items"],
            json!([{"id": "7", "tags": ["a"], "authors": [{"name": "Ann"}], "image": "https://a.example/i", "language": "fr",
                "attachments": [{"url": "https://a.example/i", "mime_type": "image/*"},
                                {"url": "https://a.example/a", "mime_type": "application/octet-stream"}]}])
        );
        assert_eq!((mended["title"].as_str(), extras[0].language.as_deref()), (Some(""), Some("fr")));
        assert!(mend(b"[]").is_none() && mend(b"<feed/>").is_none());
    }
}
