//! How people feel, how they are treated, and what they make.

use grapevine_model::{BrandMatch, Event, Kind, Media, Mention, MentionKey, Polarity, Scale, Scores, Survey};
use grapevine_store::{By, MetricQuery};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::part,
    corrected,
    split::{over_time, split_of, with},
};
use crate::world::{at, by, by_team, day, heartbeat, of, post, reply_to, upsert, with_polarity};

pub fn groups() -> Vec<Group> {
    vec![made(), felt(), hostile(), answered()]
}

fn group(mentions: &[Mention], more: Vec<Event>, proofs: Vec<Proof>) -> Group {
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.extend(more);
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    Group { events, labels: vec![], proofs }
}

fn carrying(media: &str, mention: Mention) -> Mention {
    let media = Media { kind: media.into(), url: "https://f.example/i".into() };
    Mention { media: vec![media], ..mention }
}

fn linking(mention: Mention) -> Mention {
    Mention { links: vec!["https://example.org/".into()], ..mention }
}

/// An image, a link, both, neither, and the card of a link.
fn made() -> Group {
    let mentions = [
        carrying("image", post("1", day("10:00:00"))),
        linking(post("2", day("10:00:00"))),
        linking(carrying("video", post("3", day("10:00:00")))),
        post("4", day("11:00:00")),
        carrying("link", reply_to("4", post("5", day("12:00:00")))),
        by_team(carrying("image", post("6", day("12:00:00")))),
        Mention { kind: Kind::Repost, ..carrying("image", post("7", day("12:00:00"))) },
    ];
    let kinds = json!([["post", 3, 2, 2, 4, 75], ["reply", 1, 0, 1, 1, 100]]);
    let proofs =
        vec![Proof::of("ugc_volume", json!([[4, 2, 3, 5, 80]]), ugc), Proof::of("ugc_volume", kinds, ugc).by(By::Kind)];
    group(&mentions, vec![], proofs)
}

fn ugc(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let members: Vec<&Held> = inside.into_iter().filter(|held| held.is_by_member()).collect();
    split_of(facts, query, &members, |held| {
        let media = |held: &&&Held| held.mention.media.iter().any(|media| media.kind != "link");
        let links = |held: &&&Held| {
            !held.mention.links.is_empty() || held.mention.media.iter().any(|media| media.kind == "link")
        };
        let any = held.iter().filter(|held| media(held) || links(held)).count();
        let counts = [any, held.iter().filter(media).count(), held.iter().filter(links).count(), held.len()];
        [counts.map(|count| json!(count)).to_vec(), vec![part(any as f64, held.len() as f64)]].concat()
    })
}

/// As many as of the proof of the corrected figure, in own spaces; in public two, of whom nothing was measured. The team's and a
/// repost do not count.
fn felt() -> Group {
    let owned = |mention: Mention| Mention { brands: vec![BrandMatch { owned_space: true, ..of("acme") }], ..mention };
    let counts = [(Polarity::Negative, 10), (Polarity::Neutral, 30), (Polarity::Positive, 60)];
    let each = counts.into_iter().flat_map(|(polarity, n)| std::iter::repeat_n(polarity, n)).enumerate();
    let inside = each.map(|(number, polarity)| {
        let created = day("10:00:00") + SignedDuration::from_secs(number as i64);
        owned(with_polarity(polarity, post(&format!("own{number}"), created)))
    });
    let swedish = |mention: Mention| Mention { language: Some("sv".into()), ..mention };
    let outside = [
        swedish(with_polarity(Polarity::Positive, post("p1", day("11:00:00")))),
        swedish(with_polarity(Polarity::Neutral, post("p2", day("11:00:00")))),
        by_team(with_polarity(Polarity::Positive, post("p3", day("11:00:00")))),
        Mention { kind: Kind::Repost, ..with_polarity(Polarity::Negative, post("p4", day("11:00:00"))) },
    ];
    let mentions: Vec<Mention> = inside.chain(outside).collect();
    let public = [vec![json!("public")], vec![Value::Null; 12], vec![json!(50), json!(2), json!(0)]].concat();
    let own = [vec![json!("own spaces")], corrected::measured()].concat();
    let golden = json!([own, public]);
    let proofs = vec![Proof::of("community_sentiment", golden, sentiment).within(1e-4)];
    group(&mentions, vec![corrected::card()], proofs)
}

fn sentiment(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let said: Vec<&Held> =
        inside.into_iter().filter(|held| held.is_by_member() && held.mention.scores.is_some()).collect();
    let (own, public): (Vec<&Held>, Vec<&Held>) = said.into_iter().partition(|held| held.owned_space);
    if query.by.is_some() {
        return split_of(facts, query, &own, |held| corrected::figure(facts, held));
    }
    let places = [("own spaces", own), ("public", public)].into_iter().filter(|(_, held)| !held.is_empty());
    places.map(|(place, held)| with(json!(place), corrected::figure(facts, &held))).collect()
}

/// Two of the three that have a probability are at the threshold or above; one has none, and one is not scored.
fn hostile() -> Group {
    let told = |hostility: Option<f32>, mention: Mention| {
        let scores = mention.scores.clone().map(|scores| Scores { hostility, ..scores });
        Mention { scores, ..mention }
    };
    let mentions = [
        told(Some(0.5), post("1", day("10:00:00"))),
        told(Some(0.49), post("2", day("10:00:00"))),
        told(Some(0.9), post("3", day("10:00:00"))),
        told(None, post("4", day("11:00:00"))),
        Mention { scores: None, ..post("5", day("12:00:00")) },
        by_team(told(Some(0.9), post("6", day("12:00:00")))),
        Mention { kind: Kind::Repost, ..told(Some(0.9), post("7", day("12:00:00"))) },
    ];
    let two_thirds = 2.0 / 3.0 * 100.0;
    let proofs = vec![
        Proof::of("toxicity_rate", json!([[two_thirds, 2, 3, 2]]), toxicity),
        Proof::of("toxicity_rate", json!([["forum", two_thirds, 2, 3, 2]]), toxicity).by(By::Platform),
    ];
    group(&mentions, vec![], proofs)
}

fn toxicity(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let others: Vec<&Held> = inside.into_iter().filter(|held| !held.team && !held.is(Kind::Repost)).collect();
    split_of(facts, query, &others, |held| {
        let told = held.iter().filter_map(|held| held.mention.scores.as_ref()?.hostility);
        let told: Vec<f32> = told.collect();
        let hostile = told.iter().filter(|hostility| **hostility >= 0.5).count();
        let rate = part(hostile as f64, told.len() as f64);
        vec![rate, json!(hostile), json!(told.len()), json!(held.len() - told.len())]
    })
}

fn response(id: &str, scale: Scale, score: Option<f32>) -> Event {
    Event::Survey(Box::new(Survey {
        platform: "typeform".into(),
        id: id.into(),
        survey: "after purchase".into(),
        brand: "acme".into(),
        asked_at: None,
        answered_at: day("10:00:00"),
        scale,
        score,
        comment: String::new(),
        respondent: String::new(),
        observed_at: day("11:00:00"),
    }))
}

/// Reviews of five and two stars; the comment of a survey, which is none; four answers on one scale and four on the other,
/// one of them without a score.
fn answered() -> Group {
    let review = |stars: f32, mention: Mention| Mention { kind: Kind::Review, stars: Some(stars), ..mention };
    let key = MentionKey::new("typeform", "", "c1");
    let mentions = [
        review(5.0, post("1", day("10:00:00"))),
        review(2.0, by("ada", post("2", day("12:00:00")))),
        review(1.0, Mention { key, brands: vec![of("acme")], ..post("c1", day("10:00:00")) }),
    ];
    use Scale::{Csat, Nps};
    let csat = [("c1", Some(5.0)), ("c2", Some(3.0)), ("c3", Some(4.0)), ("c4", None)];
    let nps = [("n1", Some(9.0)), ("n2", Some(10.0)), ("n3", Some(6.0)), ("n4", Some(7.0))];
    let mut answers: Vec<Event> = csat.map(|(id, score)| response(id, Csat, score)).to_vec();
    answers.extend(nps.map(|(id, score)| response(id, Nps, score)));
    let Event::Survey(other) = response("z", Nps, Some(1.0)) else { return group(&[], vec![], vec![]) };
    answers.push(Event::Survey(Box::new(Survey { brand: "zenith".into(), ..*other })));
    let two_thirds = 2.0 / 3.0 * 100.0;
    let platforms = json!([["forum", 3.5, 2, null, 0, null, 0, 0], ["typeform", null, 0, two_thirds, 3, 25, 4, 1]]);
    let proofs = vec![
        Proof::of("satisfaction", json!([[3.5, 2, two_thirds, 3, 25, 4, 1]]), satisfaction),
        Proof::of("satisfaction", platforms, satisfaction).by(By::Platform),
    ];
    group(&mentions, answers, proofs)
}

fn satisfaction(facts: &Facts, query: &MetricQuery) -> Rows {
    let reviews = facts.within(&query.brand, query.from, query.to);
    let is_comment = |held: &Held| {
        let key = &held.mention.key;
        let of =
            |row: &&Survey| row.brand == query.brand && (&*row.platform, &*row.id) == (&*key.platform, &*key.native_id);
        key.instance.is_empty() && facts.surveys.iter().any(|row| of(&row))
    };
    let reviews: Vec<&Held> = reviews
        .into_iter()
        .filter(|held| held.is(Kind::Review) && held.mention.stars.is_some() && !is_comment(held))
        .collect();
    let answers: Vec<&Survey> = facts.surveys.iter().filter(|row| row.brand == query.brand).collect();
    let answers: Vec<&Survey> =
        answers.into_iter().filter(|row| query.from <= row.answered_at && row.answered_at < query.to).collect();
    match query.by {
        None => vec![satisfied(&reviews, &answers)],
        Some(By::Platform) => {
            let mut platforms: Vec<&str> = reviews.iter().map(|held| held.platform()).collect();
            platforms.extend(answers.iter().map(|row| &*row.platform));
            platforms.sort_unstable();
            platforms.dedup();
            let row = |platform: &str| {
                let reviews: Vec<_> = reviews.iter().copied().filter(|held| held.platform() == platform).collect();
                let answers: Vec<_> = answers.iter().copied().filter(|row| row.platform == platform).collect();
                with(json!(platform), satisfied(&reviews, &answers))
            };
            platforms.into_iter().map(row).collect()
        }
        Some(_) => over_time(facts, query, |from, to| {
            let reviews: Vec<_> = reviews.iter().copied().filter(|held| from <= held.at() && held.at() < to).collect();
            let inside = |row: &&&Survey| from <= row.answered_at && row.answered_at < to;
            let answers: Vec<_> = answers.iter().filter(inside).copied().collect();
            (reviews.len() + answers.len() > 0).then(|| satisfied(&reviews, &answers))
        }),
    }
}

fn satisfied(reviews: &[&Held], answers: &[&Survey]) -> Row {
    let stars: f64 = reviews.iter().filter_map(|held| held.mention.stars).map(f64::from).sum();
    let mean = if reviews.is_empty() { Value::Null } else { json!(stars / reviews.len() as f64) };
    let of = |scale: Scale| -> Vec<f32> {
        answers.iter().filter(|row| row.scale == scale).filter_map(|row| row.score).collect()
    };
    let (csat, nps) = (of(Scale::Csat), of(Scale::Nps));
    let happy = csat.iter().filter(|score| **score >= 4.0).count() as f64;
    let promoters = nps.iter().filter(|score| **score >= 9.0).count() as f64;
    let detractors = nps.iter().filter(|score| **score <= 6.0).count() as f64;
    let passed_over = answers.iter().filter(|row| row.score.is_none()).count();
    vec![
        mean,
        json!(reviews.len()),
        part(happy, csat.len() as f64),
        json!(csat.len()),
        part(promoters - detractors, nps.len() as f64),
        json!(nps.len()),
        json!(passed_over),
    ]
}
