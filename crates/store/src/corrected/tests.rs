use grapevine_model::{Confusion, ModelCard};
use serde_json::{Value, json};

use super::*;

fn measured(language: &str, n: u32, counts: [[u32; 3]; 3]) -> Confusion {
    Confusion { language: language.into(), set: format!("set of {language}"), n, counts }
}

fn card(id: &str, confusions: Vec<Confusion>) -> ModelCard {
    ModelCard { id: id.into(), observed_at: jiff::Timestamp::UNIX_EPOCH, languages: vec![], confusions }
}

const GOOD: [[u32; 3]; 3] = [[80, 15, 5], [10, 80, 10], [5, 15, 80]];
const FAIR: [[u32; 3]; 3] = [[60, 30, 10], [20, 60, 20], [10, 30, 60]];

fn cell(key: Option<&str>, model: &str, language: &str, counts: Counts) -> Cell {
    Cell { key: key.map(Value::from), model: model.into(), language: language.into(), counts }
}

#[test]
fn each_language_is_corrected_by_its_own_measurement_and_what_has_none_is_left_out_and_said() {
    let cards = [card("m@1", vec![measured("en", 300, GOOD), measured("es", 300, FAIR)])];
    let cells = [
        cell(None, "m@1", "en", [140, 345, 515]),
        cell(None, "m@1", "de", [10, 30, 60]),
        cell(None, "m@2", "en", [1, 2, 3]),
    ];
    let (rows, correction) = table(&cells, &cards);
    let net = rows[0][0].as_f64().unwrap();
    assert!((net - 50.0).abs() < 1.0, "{net}");
    assert_eq!(rows[0][13..], [json!(1106), json!(1000)], "scored, and corrected of them");
    assert_eq!(
        correction.note,
        "en: m@1 finds 80.0 % of each polarity (set of en, n = 300); 9.6 % of the scored mentions are left out: \
         no confusion of m@1 is measured in de; no confusion of m@2 is measured in en"
    );
    assert_eq!(correction.left_out.iter().map(|part| part.mentions).collect::<Vec<_>>(), [100, 6]);
}

#[test]
fn without_a_measurement_there_is_no_corrected_figure_and_the_uncorrected_stands() {
    let (rows, correction) = table(&[cell(None, "m@1", "en", [10, 30, 60])], &[card("m@1", vec![])]);
    assert_eq!(rows[0][..12], vec![Value::Null; 12]);
    assert_eq!(rows[0][12..], [json!(50.0), json!(100), json!(0)]);
    assert_eq!(correction.note, "not corrected: no confusion of m@1 is measured in en");
    assert_eq!(table(&[], &[]), (vec![], Correction::default()));
}

#[test]
fn of_several_sets_the_largest_counts_and_an_unknown_language_takes_one_of_each() {
    let card = card("m@1", vec![measured("en", 300, GOOD), measured("en", 200, FAIR), measured("es", 300, FAIR)]);
    assert_eq!(confusion(&card, "en").unwrap().counts, GOOD);
    let unknown = confusion(&card, "").unwrap();
    assert_eq!((unknown.n, unknown.counts[0]), (600, [140, 45, 15]));
    assert_eq!(unknown.set, "set of en, set of es");
    assert_eq!(confusion(&card, "de"), None);
}

#[test]
fn rows_keep_the_order_of_their_keys_and_hold_all_cells_of_each() {
    let cards = [card("m@1", vec![measured("en", 300, GOOD)])];
    let cells = [
        cell(Some("reddit"), "m@1", "en", [10, 20, 30]),
        cell(Some("forum"), "m@1", "en", [1, 1, 1]),
        cell(Some("reddit"), "m@1", "", [1, 2, 3]),
    ];
    let (rows, _) = table(&cells, &cards);
    let heads: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[14].clone(), row[15].clone())).collect();
    assert_eq!(heads, [(json!("reddit"), json!(66), json!(66)), (json!("forum"), json!(3), json!(3))]);
}
