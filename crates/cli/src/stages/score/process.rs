//! What becomes of each record: matched with the monitors, scored, passed on, dropped or parked. Pure computation, for a
//! thread that may block.

use std::panic::{AssertUnwindSafe, catch_unwind};

use grapevine_delivery::Outcome;
use grapevine_log::Received;
use grapevine_model::{Event, Mention, Scores, forgotten::Suppressions, wire};
use grapevine_monitor::Matcher;
use grapevine_scoring::{Reading, Scorer, ScoringError, language, story::Meaning, theme::Themes};

use super::{
    super::forgotten::{self, FORGOTTEN},
    stories::StoryMemory,
};
use crate::parts::OpenScorer;

/// Says whether the model works at all, where it failed on a text.
const PROBE: &str = "The weather is nice today.";

/// A record, and what became of it: the bytes that go on.
pub type Worked = (Received, Outcome<Vec<u8>>);

/// An outcome for each record, in the order they came. `scorer` is absent where scoring is switched off.
///
/// # Errors
/// The model fails on every text. One that it fails on alone is a dead letter.
pub fn process(
    batch: Vec<Received>,
    matcher: &Matcher,
    scorer: Option<&OpenScorer>,
    stories: &StoryMemory,
    kept_out: &Suppressions,
) -> Result<Vec<Worked>, ScoringError> {
    let read_one = |received: &Received| read(&received.value, matcher, scorer, kept_out);
    let mut read: Vec<Outcome<Event>> = batch.iter().map(read_one).collect();
    if let Some(scorer) = scorer {
        score_all(&mut read, scorer)?;
    }
    let meaning: &dyn Meaning = scorer.map_or(&(), |scorer| scorer);
    stories.tell(read.iter_mut().filter_map(mention_of), meaning);
    Ok(batch.into_iter().zip(read.into_iter().map(encode)).collect())
}

const SCORED: &str = "scored";

/// Decodes and matches, and tells the language; a mention that is to be scored has the label that it will have then.
fn read(value: &[u8], matcher: &Matcher, scorer: Option<&OpenScorer>, kept_out: &Suppressions) -> Outcome<Event> {
    let event = match forgotten::decode(value, kept_out) {
        Ok(Some(event)) => event,
        Ok(None) => return Outcome::Drop { reason: FORGOTTEN },
        Err(error) => return Outcome::DeadLetter { reason: error.to_string() },
    };
    let Event::Upsert(mut mention) = event else { return Outcome::Emit { label: "passed_on", what: event } };
    // Most of a platform's stream matches nothing: its language is told beforehand only where a monitor asks for it.
    let asks_for_language = matcher.asks_for_language();
    let tell_language = |mention: &mut Mention| {
        mention.detected_language = language::detect(&mention.text).map(str::to_owned);
    };
    if asks_for_language {
        tell_language(&mut mention);
    }
    mention.brands = matcher.matches(&mention);
    if mention.brands.is_empty() {
        return Outcome::Drop { reason: "no_monitor_matched" };
    }
    if !asks_for_language {
        tell_language(&mut mention);
    }
    let label = match scorer {
        Some(scorer) if !mention.text.trim().is_empty() => {
            if scorer.covers(mention.spoken_language().as_deref()) {
                SCORED
            } else {
                "language_not_covered"
            }
        }
        _ => "not_scored",
    };
    Outcome::Emit { label, what: Event::Upsert(mention) }
}

fn mention_of(outcome: &mut Outcome<Event>) -> Option<&mut Mention> {
    match outcome {
        Outcome::Emit { what: Event::Upsert(mention), .. } => Some(mention),
        _ => None,
    }
}

fn score_all(outcomes: &mut [Outcome<Event>], open: &OpenScorer) -> Result<(), ScoringError> {
    let waiting: Vec<(usize, &str)> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(at, outcome)| match outcome {
            Outcome::Emit { label: SCORED, what: Event::Upsert(mention) } => Some((at, mention.text.as_str())),
            _ => None,
        })
        .collect();
    let (places, texts): (Vec<usize>, Vec<&str>) = waiting.into_iter().unzip();
    let answers = read_texts(&*open.scorer, &texts)?;
    for (at, answer) in places.into_iter().zip(answers) {
        match (answer, &mut outcomes[at]) {
            (Ok(reading), Outcome::Emit { what: Event::Upsert(mention), .. }) => {
                set_scores(mention, reading, &open.themes)
            }
            (Ok(_), _) => {}
            (Err(reason), outcome) => *outcome = Outcome::DeadLetter { reason },
        }
    }
    Ok(())
}

/// The texts of stories are compared by the model that scores; where it fails on one of them, by their letters.
impl Meaning for OpenScorer {
    fn embeddings(&self, texts: &[&str]) -> Option<Vec<Vec<f32>>> {
        if !self.themes.has_embeddings() {
            return None;
        }
        let failed =
            |error: &ScoringError| tracing::warn!("score: {error}; {} texts of stories are not compared", texts.len());
        let readings = score(&*self.scorer, texts).inspect_err(failed).ok()?;
        readings.into_iter().map(|reading| reading.embedding).collect()
    }
}

fn set_scores(mention: &mut Mention, reading: Reading, themes: &Themes) {
    let themes = themes.score(mention, reading.embedding.as_deref());
    mention.scores = Some(Scores { themes, ..reading.scores });
}

/// Scores with themes for each text, or why it has none: one that the model fails on harms no other.
///
/// # Errors
/// The model fails on every text.
pub fn score_texts(open: &OpenScorer, texts: &[&str]) -> Result<Vec<Result<Scores, String>>, ScoringError> {
    let with_themes = |(text, reading): (&&str, Result<Reading, String>)| {
        let reading = reading?;
        let themes = open.themes.score_text(text, reading.embedding.as_deref());
        Ok(Scores { themes, ..reading.scores })
    };
    Ok(texts.iter().zip(read_texts(&*open.scorer, texts)?).map(with_themes).collect())
}

fn read_texts(scorer: &dyn Scorer, texts: &[&str]) -> Result<Vec<Result<Reading, String>>, ScoringError> {
    let mut answers = Vec::with_capacity(texts.len());
    score_by_halves(scorer, texts, &mut answers)?;
    Ok(answers)
}

/// Where the model fails on several texts at once, on each half of them: it ends at the text that it can not take, and the
/// others are scored.
fn score_by_halves(
    scorer: &dyn Scorer,
    texts: &[&str],
    answers: &mut Vec<Result<Reading, String>>,
) -> Result<(), ScoringError> {
    if texts.is_empty() {
        return Ok(());
    }
    match score(scorer, texts) {
        Ok(readings) => answers.extend(readings.into_iter().map(Ok)),
        Err(error) if texts.len() == 1 => {
            // A model that can not score anything is broken; a text is not to blame.
            score(scorer, &[PROBE])?;
            answers.push(Err(format!("it could not be scored: {error}")));
        }
        Err(error) => {
            tracing::warn!("score: {error}; trying {} texts by halves", texts.len());
            let (first, second) = texts.split_at(texts.len() / 2);
            score_by_halves(scorer, first, answers)?;
            score_by_halves(scorer, second, answers)?;
        }
    }
    Ok(())
}

/// As many readings as texts, or an error.
fn score(scorer: &dyn Scorer, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
    let panicked = |_| Err(ScoringError::Engine("the scorer panicked".into()));
    let readings = catch_unwind(AssertUnwindSafe(|| scorer.read(texts))).unwrap_or_else(panicked)?;
    if readings.len() != texts.len() {
        return Err(ScoringError::Engine(format!("{} readings for {} texts", readings.len(), texts.len())));
    }
    Ok(readings)
}

fn encode(outcome: Outcome<Event>) -> Outcome<Vec<u8>> {
    match outcome {
        Outcome::Emit { label, what } => Outcome::Emit { label, what: wire::encode(&what) },
        Outcome::Drop { reason } => Outcome::Drop { reason },
        Outcome::DeadLetter { reason } => Outcome::DeadLetter { reason },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grapevine_model::{Author, Intent, MentionKey, Polarity, topics};
    use grapevine_monitor::{Brand, Monitor};
    use grapevine_scoring::Reading;
    use grapevine_scoring::{
        manifest::{Manifest, ModelFolder},
        theme::Scheme,
    };
    use jiff::Timestamp;

    use super::*;
    use crate::config::ScoringSection;

    /// Says of every text that it is negative. "poison" among them makes it fail, "bomb" panic.
    struct Gloomy;

    impl Scorer for Gloomy {
        fn description(&self) -> String {
            "gloomy".into()
        }
        fn model(&self) -> &str {
            "gloomy@1"
        }
        fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
            assert!(!texts.iter().any(|text| text.contains("bomb")), "boom");
            if texts.iter().any(|text| text.contains("poison")) {
                return Err(ScoringError::Engine("no tokens".into()));
            }
            let (polarity, intent) = (Polarity::Negative, Intent::None);
            let scores = Scores {
                negative: 1.0,
                neutral: 0.0,
                positive: 0.0,
                polarity,
                confidence: 1.0,
                intent,
                hostility: None,
                irony: None,
                themes: Vec::new(),
                model: "gloomy@1".into(),
            };
            Ok(vec![Reading { scores, embedding: None }; texts.len()])
        }
    }

    /// Fails on everything.
    struct Broken;

    impl Scorer for Broken {
        fn description(&self) -> String {
            "broken".into()
        }
        fn model(&self) -> &str {
            "broken@1"
        }
        fn read(&self, _: &[&str]) -> Result<Vec<Reading>, ScoringError> {
            Err(ScoringError::Engine("a worker is gone".into()))
        }
    }

    fn received(value: Vec<u8>) -> Received {
        let appended_at = Timestamp::UNIX_EPOCH;
        Received { topic: topics::RAW.into(), partition: 2, offset: 7, key: b"k".into(), value, appended_at }
    }

    fn post(language: Option<&str>, text: &str) -> Received {
        let key = MentionKey::new("test", "", text);
        let mention = Mention::new(key, Author::default(), Timestamp::UNIX_EPOCH, text);
        let mention = Mention { language: language.map(str::to_owned), ..mention };
        received(wire::encode(&Event::Upsert(Box::new(mention))))
    }

    fn run(scorer: impl Scorer + 'static, batch: Vec<Received>) -> Result<Vec<Worked>, ScoringError> {
        run_with("acme", scorer, batch)
    }

    fn run_with(query: &str, scorer: impl Scorer + 'static, batch: Vec<Received>) -> Result<Vec<Worked>, ScoringError> {
        run_taught(&Gloomy, query, scorer, batch)
    }

    /// `teacher` reads the examples of the themes.
    fn run_taught(
        teacher: &dyn Scorer,
        query: &str,
        scorer: impl Scorer + 'static,
        batch: Vec<Received>,
    ) -> Result<Vec<Worked>, ScoringError> {
        let monitors = vec![Monitor { name: "name".into(), query: query.into() }];
        let brand = Brand { name: "Acme".into(), competitor: false, accounts: vec![], spaces: vec![], monitors };
        let models = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
        let manifest = ModelFolder::open(&models.join(grapevine_scoring::SHIPPED_MODEL)).unwrap().manifest;
        // Whatever the shipped model covers.
        let manifest = Manifest { languages: vec!["en".into()], ..manifest };
        let themes = Arc::new(Themes::train(Scheme::with(&[]).unwrap(), teacher).unwrap());
        let open = OpenScorer { scorer: Arc::new(scorer), manifest, themes };
        let (matcher, stories) = (Matcher::new(&[brand]).unwrap(), StoryMemory::new(&ScoringSection::default()));
        process(batch, &matcher, Some(&open), &stories, &Suppressions::default())
    }

    fn labels(worked: &[Worked]) -> Vec<&'static str> {
        worked.iter().map(|(_, outcome)| outcome.label()).collect()
    }

    fn mention(worked: &Worked) -> Mention {
        let Outcome::Emit { what, .. } = &worked.1 else { panic!("{:?}", worked.1) };
        let Ok(Event::Upsert(mention)) = wire::decode(what) else { panic!("a mention") };
        *mention
    }

    #[test]
    fn what_belongs_to_a_brand_is_scored_and_nothing_else_goes_on() {
        let worked = run(Gloomy, vec![post(None, "acme is down"), post(None, "nice weather")]).unwrap();
        assert_eq!(labels(&worked), ["scored", "no_monitor_matched"]);
        let mention = mention(&worked[0]);
        assert_eq!((mention.brands[0].brand.as_str(), mention.scores.unwrap().polarity), ("Acme", Polarity::Negative));
    }

    #[test]
    fn a_monitor_of_a_language_is_asked_once_the_language_is_told() {
        let german = "acme ist schon wieder kaputt und niemand antwortet mir seit drei Wochen";
        let english = "acme is broken once more and nobody has answered me for three weeks";
        let worked =
            run_with("acme lang:de", Gloomy, vec![post(Some("en"), german), post(Some("de"), english)]).unwrap();
        assert_eq!(labels(&worked), ["language_not_covered", "no_monitor_matched"]);
    }

    #[test]
    fn a_mention_gets_the_themes_that_rules_tell_and_the_story_that_it_repeats() {
        let text = "acme charged me twice and the refund has not come after five weeks";
        let worked = run(Gloomy, vec![post(None, text), post(Some("en"), &format!("{text} #acme"))]).unwrap();
        let [first, second] = [0, 1].map(|at| mention(&worked[at]));
        let themes = first.scores.unwrap().themes;
        assert_eq!((themes[0].theme.as_str(), themes[0].rule), ("price and billing", true));
        assert_eq!((first.story, second.story), (Some(first.key.id()), Some(first.key.id())));
    }

    /// All texts mean the same to it. It scores posts, which begin with a capital, and may fail on what is compared.
    struct Understanding {
        fails: bool,
    }

    impl Scorer for Understanding {
        fn description(&self) -> String {
            "understanding".into()
        }
        fn model(&self) -> &str {
            "understanding@1"
        }
        fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
            assert!(!self.fails || texts.iter().all(|text| text.starts_with(char::is_uppercase)), "boom");
            let readings = Gloomy.read(texts)?.into_iter();
            Ok(readings.map(|reading| Reading { embedding: Some(vec![1.0]), ..reading }).collect())
        }
    }

    #[test]
    fn other_words_are_heard_where_the_model_does_not_fail() {
        let [told, again] = [
            "Acme opens its first shop in Leeds on Monday, with free coffee for everyone who comes",
            "On Monday Acme opens its first shop in Leeds: free coffee for all of the visitors",
        ];
        let one_story = |teacher: &dyn Scorer, fails: bool| {
            let posts = vec![post(None, told), post(None, again)];
            let worked = run_taught(teacher, "acme", Understanding { fails }, posts).unwrap();
            let [first, second] = [0, 1].map(|at| mention(&worked[at]));
            second.story == Some(first.key.id())
        };
        let teacher = Understanding { fails: false };
        assert!(one_story(&teacher, false));
        assert!(!one_story(&teacher, true), "letters decide");
        assert!(!one_story(&Gloomy, false), "a model without embeddings is not asked");
    }

    #[test]
    fn a_language_that_the_model_does_not_cover_is_stored_as_not_scored() {
        let worked = run(Gloomy, vec![post(Some("de"), "acme ist toll"), post(Some("en-GB"), "acme")]).unwrap();
        assert_eq!(labels(&worked), ["language_not_covered", "scored"]);
        assert_eq!(mention(&worked[0]).scores, None);
    }

    #[test]
    fn the_language_of_the_text_goes_before_the_platforms_and_a_short_text_keeps_it() {
        let german = "acme stürzt seit dem letzten Update bei mir ständig ab, und keiner antwortet";
        let english = "acme has been crashing all the time since the last update, and nobody answers";
        let posts =
            [(Some("en"), german), (None, german), (Some("de"), english), (Some("de"), "acme 😍"), (None, "acme")];
        let worked = run(Gloomy, posts.map(|(language, text)| post(language, text)).into()).unwrap();
        let (uncovered, scored) = ("language_not_covered", "scored");
        assert_eq!(labels(&worked), [uncovered, uncovered, scored, uncovered, scored]);
        let spoken = |at: usize| mention(&worked[at]).spoken_language().map(|code| code.into_owned());
        assert_eq!([spoken(0), spoken(2), spoken(4)], [Some("de".into()), Some("en".into()), None]);
    }

    #[test]
    fn a_record_that_was_taken_out_of_the_log_is_counted_as_forgotten() {
        assert_eq!(labels(&run(Gloomy, vec![received(vec![]), post(None, "acme")]).unwrap()), ["forgotten", "scored"]);
    }

    #[test]
    fn a_record_that_does_not_decode_costs_one_record() {
        let worked = run(Gloomy, vec![received(b"{".to_vec()), post(None, "acme again")]).unwrap();
        assert_eq!(labels(&worked), ["dead_letter", "scored"]);
    }

    #[test]
    fn a_text_that_the_model_fails_or_panics_on_costs_one_record() {
        let mut batch: Vec<Received> = (0..20).map(|n| post(None, &format!("acme {n}"))).collect();
        batch[7] = post(None, "acme poison");
        batch[13] = post(None, "acme bomb");
        let worked = run(Gloomy, batch).unwrap();
        let dead: Vec<usize> = (0..20).filter(|at| worked[*at].1.label() == "dead_letter").collect();
        assert_eq!(dead, [7, 13]);
        assert_eq!(worked.iter().filter(|(_, outcome)| outcome.label() == "scored").count(), 18);
        let Outcome::DeadLetter { reason } = &worked[7].1 else { panic!() };
        assert_eq!(reason, "it could not be scored: no tokens");
    }

    #[test]
    fn a_model_that_fails_on_everything_blames_no_text() {
        assert!(run(Broken, vec![post(None, "acme 1"), post(None, "acme 2")]).is_err());
    }
}
