//! What a text names, by the entities that stand beside it. Their offsets count UTF-16 code units.

use serde_json::Value;

use crate::{
    json::{count, push_new, text},
    text::{Signs, hashtag},
};

/// Reads the entities of one text. One that points outside of it is passed over.
pub(super) fn signs(body: &str, entities: &[Value]) -> Signs {
    let mut signs = Signs::default();
    for entity in entities {
        let part = count(entity, "offset").zip(count(entity, "length")).and_then(|(from, length)| cut(body, from, length));
        match (text(entity, "type").unwrap_or_default(), part) {
            // `#tag@channel` searches one channel.
            ("hashtag", Some(part)) => {
                push_new(&mut signs.hashtags, hashtag(part.split('@').next().unwrap_or_default()));
            }
            ("mention", Some(part)) => push_new(&mut signs.handles, part.trim_start_matches('@').to_lowercase()),
            ("text_mention", part) => {
                let name = text(entity, "user.username").or(part).unwrap_or_default();
                push_new(&mut signs.handles, name.trim_start_matches('@').to_lowercase());
            }
            ("url", Some(part)) => push_new(&mut signs.links, with_scheme(part)),
            ("text_link", _) => push_new(&mut signs.links, text(entity, "url").unwrap_or_default()),
            _ => {}
        }
    }
    signs
}

/// `None` where it does not lie within the text, or cuts a sign in two.
fn cut(body: &str, from: u64, length: u64) -> Option<&str> {
    let byte = |wanted: u64| {
        let mut units = 0;
        for (at, sign) in body.char_indices() {
            if units >= wanted {
                return (units == wanted).then_some(at);
            }
            units += sign.len_utf16() as u64;
        }
        (units == wanted).then_some(body.len())
    };
    body.get(byte(from)?..byte(from.checked_add(length)?)?)
}

/// Telegram makes links of bare names, too.
fn with_scheme(link: &str) -> String {
    if link.contains("://") { link.to_owned() } else { format!("https://{link}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn offsets_count_utf_16() {
        let body = "🫖🫖 #Tea with @Ann_B on tea.example, 🫖here";
        let entities = json!([
            {"type": "hashtag", "offset": 5, "length": 4},
            {"type": "mention", "offset": 15, "length": 6},
            {"type": "url", "offset": 25, "length": 11},
            {"type": "text_link", "offset": 40, "length": 4, "url": "https://a.example/x"},
            {"type": "text_mention", "offset": 0, "length": 2, "user": {"id": 5, "first_name": "Bo"}},
        ]);
        let signs = signs(body, entities.as_array().unwrap());
        assert_eq!(signs.hashtags, ["tea"]);
        assert_eq!(signs.handles, ["ann_b", "🫖"]);
        assert_eq!(signs.links, ["https://tea.example", "https://a.example/x"]);
    }

    #[test]
    fn an_entity_that_points_into_a_sign_or_beyond_is_passed_over() {
        for (from, length) in [(1, 2), (0, 1), (0, 99), (u64::MAX, 2)] {
            assert_eq!(cut("🫖 #tea", from, length), None, "{from} {length}");
        }
        assert_eq!(cut("🫖 #tea", 3, 4), Some("#tea"));
    }

    proptest! {
        #[test]
        fn no_offsets_make_it_panic(body in "\\PC{0,12}", from in any::<u64>(), small in 0_u64..20, length in 0_u64..20) {
            let entity = |from: u64| json!({"type": "hashtag", "offset": from, "length": length});
            signs(&body, &[entity(from), entity(small)]);
        }
    }
}
