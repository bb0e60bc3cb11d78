//! What the store would refuse or twist, found before a batch is made of it: one bad record then costs one record.

use grapevine_model::{Amount, Campaign, Event, Mention, Scores, Survey, is_currency};
use jiff::Timestamp;

/// Bytes of a text. The longest that a platform allows is far below; more is no post.
const LONGEST_TEXT: usize = 1 << 20;
/// Start of 2100: hours and buckets are of a type that ends in 2106.
const LAST_SECOND: i64 = 4_102_444_800;

/// Why this event can not be stored as it is.
pub fn check(event: &Event) -> Result<(), String> {
    match event {
        Event::Upsert(mention) => check_mention(mention),
        Event::Delete(deletion) => time("observed_at", deletion.observed_at),
        Event::AuthorTombstone(tombstone) => time("observed_at", tombstone.observed_at),
        Event::EngagementSnapshot(snapshot) => time("observed_at", snapshot.observed_at),
        Event::AccountSnapshot(snapshot) => time("observed_at", snapshot.observed_at),
        Event::Campaign(row) => check_campaign(row),
        Event::Survey(row) => check_survey(row),
        // A gap's ends may lie anywhere: the store holds them within its range.
        Event::Gap(_) => Ok(()),
        Event::Sampled(sampled) if !(0.0..=1.0).contains(&sampled.rate) => {
            Err(format!("a sampled span's rate is {}, which is not between 0 and 1", sampled.rate))
        }
        Event::Sampled(_) => Ok(()),
        Event::SourceHealth(health) => time("observed_at", health.observed_at),
        Event::ModelCard(card) => time("observed_at", card.observed_at),
        Event::Rescored(rescored) => {
            time("observed_at", rescored.observed_at)?;
            rescored.scores.as_ref().map_or(Ok(()), check_scores)
        }
        Event::Heartbeat(heartbeat) => {
            time("observed_at", heartbeat.observed_at)?;
            // It would close all buckets for ever. One before 1970 closes none.
            time("complete_through", heartbeat.complete_through.max(Timestamp::UNIX_EPOCH))
        }
    }
}

fn check_mention(mention: &Mention) -> Result<(), String> {
    time("created_at", mention.created_at)?;
    time("observed_at", mention.observed_at)?;
    if mention.text.len() > LONGEST_TEXT {
        return Err(format!("its text has {} bytes, the most is {LONGEST_TEXT}", mention.text.len()));
    }
    if let Some(stars) = mention.stars.filter(|stars| !stars.is_finite()) {
        return Err(format!("its stars are {stars}, which is no number"));
    }
    if !(mention.weight.is_finite() && mention.weight > 0.0) {
        return Err(format!("its weight is {}, which is no number above 0", mention.weight));
    }
    mention.scores.as_ref().map_or(Ok(()), check_scores)
}

fn check_scores(scores: &Scores) -> Result<(), String> {
    let Scores { negative, neutral, positive, confidence, .. } = scores;
    let heads = scores.hostility.iter().chain(&scores.irony);
    let themes = scores.themes.iter().map(|theme| &theme.probability);
    let all = [negative, neutral, positive, confidence].into_iter().chain(heads).chain(themes);
    match all.into_iter().find(|share| !(0.0..=1.0).contains(*share)) {
        Some(share) => Err(format!("a probability of {share} is not between 0 and 1")),
        None => Ok(()),
    }
}

fn check_campaign(row: &Campaign) -> Result<(), String> {
    for (name, at) in [("start", row.from), ("end", row.to), ("observed_at", row.observed_at)] {
        time(name, at)?;
    }
    if row.from >= row.to {
        return Err(format!("its span ends at {}, which is not after its start at {}", row.to, row.from));
    }
    if !is_currency(&row.currency) {
        return Err(format!("its currency is {:?}, which is no code of ISO 4217", row.currency));
    }
    let figures = [("spend", row.figures.spend), ("conversions", row.figures.conversions)];
    match figures.into_iter().find(|(_, amount)| amount.is_some_and(Amount::is_negative)) {
        Some((name, _)) => Err(format!("its {name} is below 0")),
        None => Ok(()),
    }
}

fn check_survey(row: &Survey) -> Result<(), String> {
    for (name, at) in
        [("answered_at", Some(row.answered_at)), ("asked_at", row.asked_at), ("observed_at", Some(row.observed_at))]
    {
        at.map_or(Ok(()), |at| time(name, at))?;
    }
    if row.comment.len() > LONGEST_TEXT {
        return Err(format!("its comment has {} bytes, the most is {LONGEST_TEXT}", row.comment.len()));
    }
    let (low, high) = row.scale.ends();
    match row.score.filter(|score| !(low..=high).contains(score)) {
        Some(score) => Err(format!("its score is {score}, which is not between {low} and {high}")),
        None => Ok(()),
    }
}

fn time(name: &str, time: Timestamp) -> Result<(), String> {
    if (0..LAST_SECOND).contains(&time.as_second()) {
        return Ok(());
    }
    Err(format!("its {name} is {time}, which is not between 1970 and 2100"))
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Author, Heartbeat, Intent, MentionKey, Polarity, ThemeScore, wire};

    use super::*;

    fn mention() -> Mention {
        let created_at = "2026-03-01T10:00:00Z".parse().unwrap();
        Mention::new(MentionKey::new("test", "", "1"), Author::default(), created_at, "acme")
    }

    fn scores() -> Scores {
        Scores {
            negative: 0.1,
            neutral: 0.8,
            positive: 0.1,
            polarity: Polarity::Neutral,
            confidence: 0.8,
            intent: Intent::None,
            hostility: None,
            irony: Some(0.2),
            themes: Vec::new(),
            model: "m@1".into(),
        }
    }

    fn reason(mention: Mention) -> String {
        check(&Event::Upsert(Box::new(mention))).err().unwrap_or_default()
    }

    #[test]
    fn what_the_store_would_twist_is_refused_with_its_reason() {
        assert_eq!(reason(mention()), "");
        let late: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            reason(Mention { created_at: late, ..mention() }),
            "its created_at is 2100-01-01T00:00:00Z, which is not between 1970 and 2100"
        );
        let early = "1969-12-31T23:59:59Z".parse().unwrap();
        assert!(reason(Mention { observed_at: early, ..mention() }).starts_with("its observed_at"));
        assert!(reason(Mention { text: "x".repeat(LONGEST_TEXT + 1), ..mention() }).contains("1048577 bytes"));
        let scored = |scores| reason(Mention { scores: Some(scores), ..mention() });
        assert_eq!(scored(scores()), "");
        assert!(scored(Scores { negative: f32::NAN, ..scores() }).contains("NaN"));
        assert!(scored(Scores { hostility: Some(1.5), ..scores() }).contains("1.5"));
        let themes = vec![ThemeScore { theme: "price".into(), probability: -0.5, rule: false }];
        assert!(scored(Scores { themes, ..scores() }).contains("-0.5"));
    }

    #[test]
    fn a_number_that_json_can_hold_and_a_float_can_not_is_refused() {
        let text = String::from_utf8(wire::encode(&Event::Upsert(Box::new(Mention { stars: Some(4.0), ..mention() }))));
        let text = text.unwrap().replace("4.0", "1e39");
        let reason = wire::decode(text.as_bytes()).map_err(|error| error.to_string()).and_then(|event| check(&event));
        assert!(reason.is_err(), "{reason:?}");
    }

    #[test]
    fn an_imported_row_that_can_not_be_is_refused_with_its_reason() {
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let row = |currency: &str, to: &str, spend: &str, score: &str| {
            let campaign = format!(
                r#"{{"v":3,"event":{{"campaign":{{"platform":"x_ads","campaign":"1","from":"{at}","to":"{to}",
                "currency":"{currency}","observed_at":"{at}","spend":"{spend}"}}}}}}"#
            );
            let survey = format!(
                r#"{{"v":3,"event":{{"survey":{{"platform":"typeform","id":"1","answered_at":"{at}","scale":"csat",
                "score":{score},"observed_at":"{at}"}}}}}}"#
            );
            [campaign, survey].map(|text| check(&wire::decode(text.as_bytes()).unwrap()).err().unwrap_or_default())
        };
        let day = "2026-03-02T10:00:00Z";
        assert_eq!(row("EUR", day, "1.5", "1"), ["", ""]);
        let [campaign, survey] = row("EURO", day, "1", "0.5");
        assert_eq!(campaign, "its currency is \"EURO\", which is no code of ISO 4217");
        assert_eq!(survey, "its score is 0.5, which is not between 1 and 5");
        assert!(row("EUR", "2026-03-01T10:00:00Z", "1", "1")[0].starts_with("its span ends at"));
        assert_eq!(row("EUR", day, "-0.01", "1")[0], "its spend is below 0");
    }

    #[test]
    fn a_heartbeat_may_know_nothing_but_not_everything() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let heartbeat = |complete_through| {
            check(&Event::Heartbeat(Heartbeat {
                source: "a".into(),
                complete_through,
                observed_at: now,
                caught_up: true,
                closes: None,
            }))
        };
        assert_eq!((heartbeat(now), heartbeat(Timestamp::MIN)), (Ok(()), Ok(())));
        assert!(heartbeat(Timestamp::MAX).is_err());
    }
}
