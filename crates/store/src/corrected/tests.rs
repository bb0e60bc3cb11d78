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

fn known<'a>(cards: &'a [ModelCard], own: &'a [Checked]) -> Known<'a> {
    Known { cards, brand: "Acme", own }
}

fn checked(language: &str, counts: [[u32; 3]; 3]) -> Checked {
    Checked { model: "m@1".into(), language: language.into(), counts }
}

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
    let (rows, correction) = table(&cells, known(&cards, &[]));
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
    let (rows, correction) = table(&[cell(None, "m@1", "en", [10, 30, 60])], known(&[card("m@1", vec![])], &[]));
    assert_eq!(rows[0][..12], vec![Value::Null; 12]);
    assert_eq!(rows[0][12..], [json!(50.0), json!(100), json!(0)]);
    assert_eq!(correction.note, "not corrected: no confusion of m@1 is measured in en");
    assert_eq!(table(&[], known(&[], &[])), (vec![], Correction::default()));
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
    let (rows, _) = table(&cells, known(&cards, &[]));
    let heads: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[14].clone(), row[15].clone())).collect();
    assert_eq!(heads, [(json!("reddit"), json!(66), json!(66)), (json!("forum"), json!(3), json!(3))]);
}

#[test]
fn what_people_judged_of_the_brands_own_posts_goes_before_any_set_once_it_is_enough() {
    let cards = [card("m@1", vec![measured("en", 300, GOOD)])];
    let cells = |language| [cell(None, "m@1", language, [140, 345, 515])];
    let set = |language: &'static str, own: &[Checked]| {
        let (_, correction) = table(&cells(language), known(&cards, own));
        correction.measured.first().map(|one| (one.set.clone(), one.n))
    };
    let read_by_people = |n| Some(("drawn posts of Acme, read by people".to_owned(), n));
    let enough = [checked("en", [[15, 3, 2], [5, 20, 5], [1, 2, 17]]), checked("es", [[1, 1, 1]; 3])];
    assert_eq!(set("en", &enough), read_by_people(70));
    assert_eq!(set("", &enough), read_by_people(79), "of an unknown language all together");
    assert_eq!(set("es", &enough), None, "nine are too few, and no set is measured in it");
    let few = [checked("en", [[15, 3, 2], [5, 20, 5], [1, 2, 16]])];
    assert_eq!(set("en", &few), Some(("set of en".to_owned(), 300)), "19 of a class");
    let other = [Checked { model: "m@2".into(), ..enough[0].clone() }];
    assert_eq!(set("en", &other), Some(("set of en".to_owned(), 300)), "of another model");
}
