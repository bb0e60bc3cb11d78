//! From a post to the tokens that the model was trained on.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use tokenizers::{Tokenizer, TruncationParams};

use crate::ScoringError;

/// Name and version of [`normalise`]. A manifest names it, so that a model never meets texts prepared in another way.
pub const NORMALISATION: &str = "social@1";

static HANDLE: LazyLock<Regex> = LazyLock::new(|| constant(r"@\w+"));
static LINK: LazyLock<Regex> = LazyLock::new(|| constant(r"https?://\S+|www\.\S+"));
/// The recipe's language counts the separators U+001C to U+001F as white space; here they must be named.
static SPACE: LazyLock<Regex> = LazyLock::new(|| constant(r"[\s\x1c-\x1f]+"));

fn constant(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern that the tests compile")
}

/// HTML entities decoded once, `@name` as `@user`, links as `http`, white space folded and trimmed.
///
/// A second pass changes nothing more, unless the text was escaped twice. `@` behind a letter, digit or underscore is left
/// alone: that is a mail address.
pub fn normalise(text: &str) -> String {
    let plain = html_escape::decode_html_entities(text);
    let named = HANDLE.replace_all(&plain, |found: &Captures| {
        let handle = found.get_match();
        let before = plain[..handle.start()].chars().next_back();
        if before.is_some_and(is_word) { handle.as_str().to_owned() } else { "@user".to_owned() }
    });
    let linked = LINK.replace_all(&named, "http");
    fold(&linked)
}

fn fold(text: &str) -> String {
    let folded: Cow<str> = SPACE.replace_all(text, " ");
    folded.trim_matches(' ').to_owned()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Cuts normalised texts into the model's tokens.
pub struct Tokeniser {
    inner: Tokenizer,
}

impl Tokeniser {
    /// `json` is the content of a `tokenizer.json`. Padding in it is ignored: batches are padded by [`crate::batch`].
    pub fn from_bytes(json: &[u8], max_tokens: usize) -> Result<Self, ScoringError> {
        let wrong = |e: tokenizers::Error| ScoringError::Model(format!("cannot use the model's tokenizer: {e}"));
        let mut inner = Tokenizer::from_bytes(json).map_err(wrong)?;
        inner.with_padding(None);
        inner
            .with_truncation(Some(TruncationParams { max_length: max_tokens, ..Default::default() }))
            .map_err(wrong)?;
        Ok(Self { inner })
    }

    /// Ids of one normalised text, the two special tokens included; never empty, at most `max_tokens`.
    pub fn encode(&self, normalised: &str) -> Result<Vec<u32>, ScoringError> {
        let encoding = self
            .inner
            .encode_fast(normalised, true)
            .map_err(|e| ScoringError::Engine(format!("cannot tokenise a text of {} bytes: {e}", normalised.len())))?;
        Ok(encoding.get_ids().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn handles_links_entities_and_space_follow_the_recipe() {
        for (raw, expected) in [
            ("@Acme your app &amp; site are down &lt;3", "@user your app & site are down <3"),
            ("see https://acme.test/a?b=c#d, or www.acme.test now", "see http or http now"),
            ("mail me: joe@acme.test", "mail me: joe@acme.test"),
            ("a@@b (@c) @d@e", "a@@user (@user) @user@e"),
            ("@José_99: ok @ noon", "@user: ok @ noon"),
            ("  two\t\n lines\u{a0}here \u{1f} ", "two lines here"),
            ("it&#39;s &quot;fine&quot; &nbsp; ok", "it's \"fine\" ok"),
            ("&amp;lt; once", "&lt; once"),
            ("@شركة شكرا 🙏🏽", "@user شكرا 🙏🏽"),
            ("", ""),
            (" \n\u{2003} ", ""),
        ] {
            assert_eq!(normalise(raw), expected, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_normalised_without_panic_and_has_single_spaces(text in any::<String>()) {
            let once = normalise(&text);
            prop_assert!(!once.contains("  ") && !once.contains('\n'));
            prop_assert_eq!(once.trim_matches(' '), &once);
        }

        #[test]
        fn a_second_pass_changes_nothing_in_a_text_without_entities(
            text in r"([a-z@_.:/é😀 \t\n]|https?://|www\.|@[a-z]{1,3}|http){0,30}"
        ) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
    }
}
