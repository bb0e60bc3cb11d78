//! Campaign rows and survey responses.

use grapevine_model::{Amount, Campaign, CampaignFigures, Event, Scale, Survey};
use jiff::Timestamp;

use crate::world::{at, day, world};

fn campaign(part: &str, spend: i64, observed_at: Timestamp) -> Event {
    let figures = CampaignFigures {
        spend: Some(Amount::from_micros(spend)),
        impressions: Some(1000),
        clicks: None,
        conversions: Some(Amount::from_micros(1_330_000)),
        conversion_value: None,
    };
    Event::Campaign(Box::new(Campaign {
        platform: "google_ads".into(),
        account: "7".into(),
        campaign: "42".into(),
        name: "Spring".into(),
        part: part.into(),
        brand: "acme".into(),
        from: day("00:00:00"),
        to: at("2026-03-03T00:00:00Z"),
        currency: "EUR".into(),
        observed_at,
        figures,
    }))
}

fn response(id: &str, score: Option<f32>, observed_at: Timestamp) -> Event {
    Event::Survey(Box::new(Survey {
        platform: "typeform".into(),
        id: id.into(),
        survey: "after purchase".into(),
        brand: "acme".into(),
        asked_at: None,
        answered_at: day("10:00:00"),
        scale: Scale::Nps,
        score,
        comment: "quick".into(),
        respondent: "p1".into(),
        observed_at,
    }))
}

#[tokio::test]
async fn the_newest_word_on_a_campaign_and_a_response_wins_whatever_comes_last() {
    let world = world().await;
    let (early, late) = (day("10:00:00"), day("12:00:00"));
    let first = world.batch(vec![
        campaign("", 12_345_678, early),
        campaign("", 12_500_000, late),
        campaign("mobile", 1, early),
        response("r1", Some(9.0), late),
    ]);
    let inserted = world.store.insert(&first).await.unwrap();
    assert_eq!((inserted.campaigns, inserted.surveys, inserted.events()), (3, 1, 4));
    // The same range again, as after a crash, then old words.
    let _ = world.store.insert(&grapevine_store::Batch { replay: true, ..first }).await.unwrap();
    let _ = world.insert(vec![campaign("", 1, early), response("r1", None, early), response("r2", None, early)]).await;

    let spend: Vec<(String, String, u8)> = world
        .client()
        .query(
            "SELECT part, toString(assumeNotNull(spend)), toUInt8(clicks IS NULL) FROM campaigns FINAL ORDER BY part",
        )
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(spend, [("".into(), "12.5".into(), 1), ("mobile".into(), "0.000001".into(), 1)]);
    let scores: Vec<(String, Option<f32>, String)> =
        world.client().query("SELECT id, score, scale FROM surveys FINAL ORDER BY id").fetch_all().await.unwrap();
    assert_eq!(scores, [("r1".into(), Some(9.0), "nps".into()), ("r2".into(), None, "nps".into())]);
}
