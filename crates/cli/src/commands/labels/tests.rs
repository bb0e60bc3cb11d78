use grapevine_model::MentionId;
use grapevine_store::{LabelRow, SaidOf};
use jiff::Timestamp;

use super::{
    draw::ToJudge,
    give::{Wanted, give, read},
    list::{Sample, print},
};
use crate::args::OutputFormat;

fn label(value: &str, before: &str, said_of: Option<SaidOf>) -> LabelRow {
    LabelRow {
        mention: MentionId(7),
        brand: "Acme".into(),
        field: "polarity".into(),
        value: value.into(),
        by: "ada".into(),
        at: "2026-03-02T10:00:00Z".parse::<Timestamp>().unwrap(),
        note: String::new(),
        before: before.into(),
        model: "minilm@1".into(),
        drawn: said_of.is_none(),
        said_of,
    }
}

fn stored() -> SaidOf {
    SaidOf {
        text: "well, that went\nsmoothly".into(),
        language: "en".into(),
        platform: "bluesky".into(),
        url: String::new(),
        created_at: "2026-03-02T09:00:00Z".parse().unwrap(),
        polarity: Some("neutral".into()),
        intent: Some("none".into()),
        model: "better@2".into(),
    }
}

fn printed(labels: &[LabelRow], format: OutputFormat) -> String {
    let mut out = Vec::new();
    print(labels, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_list_says_what_the_person_and_the_model_said() {
    let labels = [label("negative", "positive", Some(stored())), label("neutral", "neutral", None)];
    insta::assert_snapshot!(printed(&labels, OutputFormat::Table));
    insta::assert_snapshot!(printed(&labels, OutputFormat::Csv));
    assert_eq!(printed(&[], OutputFormat::Table), "no labels\n");
}

#[test]
fn a_training_set_has_the_text_the_label_and_both_models_and_no_label_without_a_text() {
    let label = label("negative", "positive", Some(stored()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&Sample::of(&label).unwrap()).unwrap());
    assert!(Sample::of(&LabelRow { said_of: None, ..label }).is_none());
}

#[test]
fn a_line_that_can_not_be_read_is_said_with_its_number_and_the_others_stay() {
    let id = MentionId(7);
    let lines =
        format!("\n{{\"mention\":\"{id}\",\"field\":\"intent\",\"value\":\"praise\"}}\n{{\"mention\":\"x\"}}\n");
    let lines = read(lines.as_bytes()).unwrap();
    assert_eq!(lines.iter().map(|(number, line)| (*number, line.is_ok())).collect::<Vec<_>>(), [(2, true), (3, false)]);
    assert!(lines[1].1.as_ref().unwrap_err().contains("32 hexadecimal digits"));
}

#[test]
fn a_value_or_a_mention_that_is_not_there_is_refused() {
    let wanted = |value: &str| Wanted {
        mention: MentionId(7),
        field: grapevine_model::LabelField::Polarity,
        value: value.into(),
        brand: None,
        note: String::new(),
        drawn: false,
        _text: serde::de::IgnoredAny,
    };
    let refused = |value| give(&[], &wanted(value), "ada").unwrap_err().to_string();
    assert!(refused("bad").contains("there are: negative, neutral, positive"), "{}", refused("bad"));
    assert!(refused("negative").contains("hint: the API's /api/v1/mentions gives the ids"), "{}", refused("negative"));
}

#[test]
fn a_drawn_line_is_read_back_once_its_value_is_filled_in() {
    let line = serde_json::to_string(&ToJudge::new(MentionId(7), "Acme", "well, that went\nsmoothly")).unwrap();
    insta::assert_snapshot!(line);
    assert!(read(line.as_bytes()).unwrap()[0].1.as_ref().unwrap().is_unjudged());
    let lines = read(line.replace("\"value\":\"\"", "\"value\":\"negative\"").as_bytes()).unwrap();
    let wanted = lines[0].1.as_ref().unwrap();
    let read = (&*wanted.value, wanted.brand.as_deref(), wanted.drawn, wanted.is_unjudged());
    assert_eq!(read, ("negative", Some("Acme"), true, false));
}
