//! Other names for people. Who is a person is known from what the source made of the answers, and from what keys say.

use std::collections::BTreeMap;

use grapevine_model::{Event, Mention};
use serde_json::Value;

use super::{Exchange, Recording};

/// Keys that make an object one of a person.
const PERSON: [&str; 11] = [
    "username",
    "user_name",
    "screen_name",
    "acct",
    "handle",
    "login",
    "display_name",
    "displayName",
    "real_name",
    "first_name",
    "nickname",
];
/// What such an object tells beside the name, and no source needs.
const PRIVATE: [&str; 12] = [
    "note",
    "bio",
    "description",
    "about",
    "location",
    "website",
    "email",
    "phone",
    "company",
    "birthday",
    "last_name",
    "signature",
];
/// Pictures of people.
const PICTURES: [&str; 5] = ["avatar", "profile_image", "profile_pic", "author_image", "icon_img"];
const PICTURE: &str = "https://example.com/picture.png";

/// Pseudonyms by what stood there.
#[derive(Debug, Default)]
struct People {
    names: BTreeMap<String, String>,
}

impl Recording {
    /// Gives each person another name, the same wherever they stand: in answers, addresses and settings. Texts keep their
    /// words.
    pub fn hide_people(&mut self, events: &[Event]) {
        let mut people = People::default();
        for event in events {
            if let Event::Upsert(mention) = event {
                people.know(mention);
            }
        }
        for exchange in &self.exchanges {
            if let Ok(value) = serde_json::from_str(&exchange.body) {
                people.find(&value);
            }
        }
        let by_length = people.by_length();
        for exchange in &mut self.exchanges {
            hide(exchange, &by_length);
        }
        for (key, value) in &mut self.source {
            if key != "kind" && key != "definition" {
                hide_in_table(value, &by_length);
            }
        }
    }
}

impl People {
    fn know(&mut self, mention: &Mention) {
        let author = &mention.author;
        let ids = [Some(&author.native_id), mention.parent_author.as_ref(), Some(&author.handle)];
        ids.into_iter().flatten().for_each(|id| self.add(id, Form::Id));
        mention.handles.iter().for_each(|handle| self.add(handle, Form::Id));
        author.name.iter().for_each(|name| self.add(name, Form::Name));
    }

    /// Objects that are of a person.
    fn find(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.find(item)),
            Value::Object(fields) => {
                for key in PERSON {
                    let Some(Value::String(name)) = fields.get(key) else { continue };
                    let is_name =
                        key.to_lowercase().contains("display") || key.contains("real") || key.contains("first");
                    self.add(name, if is_name { Form::Name } else { Form::Id });
                }
                fields.values().for_each(|value| self.find(value));
            }
            _ => {}
        }
    }

    fn add(&mut self, known: &str, form: Form) {
        // One letter is more often a word than a name.
        if known.trim().chars().count() < 2 || self.names.contains_key(known) {
            return;
        }
        let number = self.names.len() + 1;
        let other = match (form, known.split_once('@')) {
            (Form::Name, _) => format!("Person {number}"),
            (Form::Id, Some((user, host))) if !user.is_empty() && host.contains('.') => {
                self.add(user, Form::Id);
                let user = self.names.get(user).cloned().unwrap_or_else(|| format!("person{number}"));
                format!("{user}@social.example")
            }
            _ if known.bytes().all(|byte| byte.is_ascii_digit()) => same_length(number, known.len()),
            _ => match known.rsplit_once(':') {
                // A decentralised identifier keeps its method.
                Some((scheme, _)) if known.starts_with("did:") => format!("{scheme}:person{number}"),
                _ => format!("person{number}"),
            },
        };
        self.names.insert(known.to_owned(), other);
    }

    /// The longest first: a name may hold another.
    fn by_length(self) -> Vec<(String, String)> {
        let mut names: Vec<_> = self.names.into_iter().collect();
        names.sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
        names
    }
}

#[derive(Clone, Copy)]
enum Form {
    Id,
    Name,
}

/// A number that begins with a digit that no small number of people fills.
fn same_length(number: usize, length: usize) -> String {
    let digits = format!("{number:0>length$}");
    if digits.len() > 1 && digits.starts_with('0') { format!("9{}", &digits[1..]) } else { digits }
}

fn hide(exchange: &mut Exchange, names: &[(String, String)]) {
    exchange.url = replaced(&exchange.url, names);
    for text in exchange.headers.values_mut().chain(exchange.sent.as_mut()) {
        *text = replaced(text, names);
    }
    exchange.body = match serde_json::from_str(&exchange.body) {
        Ok(value) => hidden(value, names, false).to_string(),
        Err(_) => replaced(&exchange.body, names),
    };
}

fn hidden(value: Value, names: &[(String, String)], private: bool) -> Value {
    match value {
        Value::String(_) if private => "…".into(),
        Value::String(text) => replaced(&text, names).into(),
        Value::Number(number) => {
            let other = names.iter().find(|(known, _)| *known == number.to_string());
            other.and_then(|(_, other)| serde_json::from_str(other).ok()).map_or(Value::Number(number), Value::Number)
        }
        Value::Array(items) => items.into_iter().map(|item| hidden(item, names, private)).collect(),
        Value::Object(fields) => {
            let is_person = PERSON.iter().any(|key| fields.contains_key(*key));
            let field = |(key, value): (String, Value)| {
                let lower = key.to_lowercase();
                let is_picture = PICTURES.iter().any(|part| lower.contains(part));
                let value = match value {
                    Value::String(_) if is_picture => PICTURE.into(),
                    other => hidden(other, names, is_person && PRIVATE.contains(&lower.as_str())),
                };
                (key, value)
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        other => other,
    }
}

fn hide_in_table(value: &mut toml::Value, names: &[(String, String)]) {
    match value {
        toml::Value::String(text) => *text = replaced(text, names),
        toml::Value::Array(items) => items.iter_mut().for_each(|item| hide_in_table(item, names)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, item)| hide_in_table(item, names)),
        _ => {}
    }
}

/// Every known name that stands alone, and every address of e-mail.
fn replaced(text: &str, names: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while let Some(letter) = rest.chars().next() {
        let is_start = before.is_none_or(|before: char| !before.is_alphanumeric() && before != '_');
        let found = names.iter().filter(|_| is_start).find(|(known, _)| starts_alone(rest, known));
        match found {
            Some((known, other)) => {
                out.push_str(other);
                (rest, before) = (&rest[known.len()..], known.chars().last());
            }
            None => {
                out.push(letter);
                (rest, before) = (&rest[letter.len_utf8()..], Some(letter));
            }
        }
    }
    out
}

fn starts_alone(text: &str, known: &str) -> bool {
    let after = text.strip_prefix(known).map(|rest| rest.chars().next());
    after.is_some_and(|next| next.is_none_or(|next| !next.is_alphanumeric() && next != '_'))
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Author, MentionKey};
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn recording(body: &Value) -> Recording {
        let exchange = Exchange {
            method: "GET".into(),
            url: "https://m.example/api/users/4711/posts?by=jo_smith".into(),
            sent: None,
            status: 200,
            headers: BTreeMap::from([("link".to_owned(), "<https://m.example/@jo_smith?page=2>".to_owned())]),
            body: body.to_string(),
            at: Timestamp::UNIX_EPOCH,
        };
        let source = toml::from_str("name = \"s\"\nkind = \"x\"\naccounts = [\"jo_smith\"]").unwrap();
        let began = Timestamp::UNIX_EPOCH;
        Recording { source, definition: None, began, polls: 1, exchanges: vec![exchange], expected: Vec::new() }
    }

    #[test]
    fn a_person_has_one_other_name_everywhere_and_nothing_private() {
        let body = json!({"posts": [{
            "id": "123", "text": "Ask @jo_smith, or jo_smithers (Jo Smith)", "user": {
                "id": 4711, "username": "jo_smith", "display_name": "Jo Smith", "bio": "I live in Ulm",
                "avatar_url": "https://m.example/jo.png"}}]});
        let mut mention = Mention::new(
            MentionKey::new("m", "", "123"),
            Author {
                native_id: "4711".into(),
                handle: "jo_smith".into(),
                name: Some("Jo Smith".into()),
                ..Author::default()
            },
            Timestamp::UNIX_EPOCH,
            "x",
        );
        mention.handles = vec!["jo_smith".into()];
        let mut recording = recording(&body);
        recording.hide_people(&[Event::Upsert(Box::new(mention))]);
        let exchange = &recording.exchanges[0];
        let other: Value = serde_json::from_str(&exchange.body).unwrap();
        let post = &other["posts"][0];
        let handle = post["user"]["username"].as_str().unwrap();
        let id = &post["user"]["id"];
        assert_eq!(
            post["text"],
            format!("Ask @{handle}, or jo_smithers ({})", post["user"]["display_name"].as_str().unwrap())
        );
        assert!(id.is_number() && id.to_string().len() == 4 && id != 4711, "{id}");
        assert_eq!(post["id"], "123", "what is no person stays");
        assert_eq!((&post["user"]["bio"], &post["user"]["avatar_url"]), (&json!("…"), &json!(PICTURE)));
        assert_eq!(exchange.url, format!("https://m.example/api/users/{id}/posts?by={handle}"));
        assert_eq!(exchange.headers["link"], format!("<https://m.example/@{handle}?page=2>"));
        assert_eq!(recording.source["accounts"][0].as_str(), Some(handle), "the settings ask for the same");
        let all = format!("{recording:?}");
        for known in ["jo_smith\"", "4711", "Jo Smith", "Ulm"] {
            assert!(!all.contains(known), "{known} stands in {all}");
        }
    }

    #[test]
    fn an_address_of_another_server_keeps_its_form() {
        let mut people = People::default();
        people.add("ann@tiny.example", Form::Id);
        people.add("did:plc:abcdef", Form::Id);
        let names = people.by_length();
        assert_eq!(
            replaced("@ann@tiny.example, ann", &names),
            "@person1@social.example, person1"
                .replace("person1", &names.iter().find(|(known, _)| known == "ann").unwrap().1)
        );
        assert!(replaced("at://did:plc:abcdef/post", &names).starts_with("at://did:plc:person"));
    }
}
