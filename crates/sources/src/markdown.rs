//! Markdown as people write it: what a text shows beside its words. Pure, and total.

use crate::html;

/// The pictures of a text, each once: `![shown](address)`, and those that stand in it as HTML.
pub(crate) fn images(text: &str) -> Vec<String> {
    let mut images: Vec<String> = Vec::new();
    for (at, _) in text.match_indices("![") {
        let shown = text[at + 2..].split_once("](").filter(|(shown, _)| !shown.contains("\n\n"));
        let address = shown.map(|(_, rest)| address(rest)).unwrap_or_default();
        if address.starts_with("http") && !images.iter().any(|known| known == address) {
            images.push(address.to_owned());
        }
    }
    let more = html::read(text).images;
    more.into_iter().for_each(|address| {
        if !images.contains(&address) {
            images.push(address)
        }
    });
    images
}

/// Up to the bracket or the title; brackets that it opens are its own.
fn address(rest: &str) -> &str {
    let mut open = 0_usize;
    let ends = |c: char| {
        open += usize::from(c == '(');
        let is_end = c.is_whitespace() || (c == ')' && open == 0);
        open -= usize::from(c == ')' && open > 0);
        is_end
    };
    rest[..rest.find(ends).unwrap_or(rest.len())].trim_start_matches('<').trim_end_matches('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pictures_are_found_in_both_forms() {
        let text = "See ![a [pot]](https://a.example/1.png \"title\") and ![](<https://a.example/2_(x).png>)\n\
                    <img width=\"3\" src=\"https://a.example/3.png\"> ![rel](/4.png) ![again](https://a.example/1.png) [no](https://a.example)";
        assert_eq!(images(text), ["https://a.example/1.png", "https://a.example/2_(x).png", "https://a.example/3.png"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[!\\[\\]()<> htps:/é\n]{0,40}") {
            images(&text);
        }
    }
}
