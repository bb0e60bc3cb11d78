use super::*;

/// Stands for an encoder: which of a few subjects a text names, and a little of its letters.
struct Subjects;

const SUBJECTS: [&[&str]; 3] =
    [&["parcel", "courier", "shipped"], &["price", "charged", "refund"], &["crash", "error", "down"]];

fn embedding(text: &str) -> Vec<f32> {
    let lower = text.to_lowercase();
    let named = SUBJECTS.iter().map(|words| words.iter().filter(|word| lower.contains(**word)).count() as f32);
    let mut row: Vec<f32> = named.chain([1.0, lower.len() as f32 / 200.0]).collect();
    let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    row.iter_mut().for_each(|value| *value /= length);
    row
}

impl Embed for Subjects {
    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>, ScoringError> {
        Ok(texts.iter().map(|text| Some(embedding(text))).collect())
    }
}

struct Wordless;

impl Embed for Wordless {
    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>, ScoringError> {
        Ok(vec![None; texts.len()])
    }
}

fn post(text: &str) -> Mention {
    Mention::new(MentionKey::new("test", "", "1"), Author::default(), Timestamp::UNIX_EPOCH, text)
}

fn told(themes: &Themes, text: &str) -> Vec<(String, bool)> {
    let scores = themes.score(&post(text), Some(&embedding(text)));
    assert!(scores.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
    scores.into_iter().map(|score| (score.theme, score.rule)).collect()
}

fn builtin() -> Themes {
    Themes::train(Scheme::with(&[]).unwrap(), &Subjects).unwrap()
}

#[test]
fn the_model_tells_what_a_rule_does_not_and_a_rule_is_marked() {
    let themes = builtin();
    assert!(told(&themes, "the courier lost my parcel").contains(&("delivery".into(), false)));
    assert!(told(&themes, "the invoice is wrong").contains(&("price and billing".into(), true)));
    let greeting = told(&themes, "good morning everyone");
    assert!(!greeting.iter().any(|(theme, rule)| theme == "delivery" || *rule), "{greeting:?}");
}

#[test]
fn without_embeddings_the_rules_alone_decide() {
    let themes = Themes::train(Scheme::with(&[]).unwrap(), &Wordless).unwrap();
    let of = |text: &str| themes.score(&post(text), None).len();
    assert_eq!((of("the courier lost my parcel"), of("the invoice is wrong")), (0, 1));
    assert_eq!(themes.quality("delivery"), None);
}

#[test]
fn a_theme_says_how_well_it_does_on_examples_it_did_not_see() {
    let quality = builtin().quality("delivery").unwrap();
    assert!(quality.examples >= 25 && (0.35..1.0).contains(&quality.threshold), "{quality:?}");
    assert!(quality.precision > 0.5 && quality.recall > 0.1, "{quality:?}");
}

#[test]
fn training_gives_the_same_heads_each_time() {
    let text = "refund for the parcel that was never shipped";
    let verdicts = |themes: &Themes| format!("{:?}", themes.verdicts(&post(text), Some(&embedding(text))));
    assert_eq!(verdicts(&builtin()), verdicts(&builtin()));
}

#[test]
fn a_rule_that_is_no_query_is_named_with_its_theme() {
    let theme = Theme {
        name: "queues".into(),
        description: String::new(),
        examples: vec![],
        rules: vec!["queue".into(), "waiting AND (".into()],
        enabled: true,
    };
    let error = Scheme::with(&[theme]).unwrap_err().to_string();
    assert!(error.starts_with("theme `queues`, rule 2: "), "{error}");
}
