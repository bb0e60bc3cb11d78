use jiff::Timestamp;
use proptest::collection::vec;
use proptest::{option, prelude::*};

use super::*;
use crate::{
    AccountSnapshot, Amount, Author, AuthorTombstone, BrandMatch, Campaign, CampaignFigures, Confusion, Deletion,
    Engagement, EngagementSnapshot, Gap, Heartbeat, Intent, Kind, Media, Mention, MentionId, MentionKey, ModelCard,
    Polarity, QuotaUse, Rescored, Sampled, Scale, Scores, SourceHealth, SpendUse, Survey, ThemeScore, Usage,
};

fn mention() -> Mention {
    let key = MentionKey::new("bluesky", "", "at://x/1");
    let author = Author { native_id: "ada".into(), handle: "ada".into(), ..Author::default() };
    let created_at = "2026-03-01T10:00:00Z".parse().unwrap();
    Mention {
        observed_at: "2026-03-01T10:00:05Z".parse().unwrap(),
        engagement: Engagement { likes: Some(3), ..Engagement::default() },
        ..Mention::new(key, author, created_at, "the new release is great")
    }
}

#[test]
fn what_is_written_is_read_back() {
    let event = Event::Upsert(Box::new(mention()));
    assert_eq!(decode(&encode(&event)).unwrap(), event);
}

#[test]
fn a_record_of_version_1_still_reads() {
    let record = br#"{"v":1,"event":{"upsert":{"key":{"platform":"bluesky","native_id":"at://x/1"},"kind":"post",
        "author":"ada","created_at":"2026-03-01T10:00:00Z","observed_at":"2026-03-01T10:00:05Z",
        "text":"the new release is great","counts":{"likes":3}}}}"#;
    assert_eq!(decode(record).unwrap(), Event::Upsert(Box::new(mention())));
}

#[test]
fn a_newer_record_is_refused_with_the_mend() {
    let error = decode(br#"{"v":5,"event":{"upsert":{}}}"#).unwrap_err();
    assert_eq!(error.to_string(), "a record has schema version 5, this program reads 1 to 4: upgrade it");
}

#[test]
fn a_record_of_version_2_still_reads_and_weighs_one() {
    let record = String::from_utf8(encode(&Event::Upsert(Box::new(mention())))).unwrap();
    assert!(!record.contains("weight"), "what weighs 1 does not say so: {record}");
    assert_eq!(
        decode(record.replacen("\"v\":4", "\"v\":2", 1).as_bytes()).unwrap(),
        Event::Upsert(Box::new(mention()))
    );
    let heartbeat = br#"{"v":2,"event":{"heartbeat":{"source":"a","complete_through":"2026-03-01T10:00:00Z",
        "observed_at":"2026-03-01T10:00:05Z","caught_up":true}}}"#;
    let Ok(Event::Heartbeat(heartbeat)) = decode(heartbeat) else { panic!("a heartbeat") };
    assert_eq!(heartbeat.closes, None);
}

#[test]
fn a_record_of_version_3_still_reads_and_knows_nothing_of_what_came_later() {
    let record = br#"{"v":3,"event":{"upsert":{"key":{"platform":"bluesky","native_id":"at://x/1"},"kind":"post",
        "author":{"native_id":"ada","handle":"ada"},"created_at":"2026-03-01T10:00:00Z",
        "observed_at":"2026-03-01T10:00:05Z","text":"the new release is great","engagement":{"likes":3},
        "scores":{"negative":0.1,"neutral":0.1,"positive":0.8,"polarity":"positive","confidence":0.8,
        "intent":"praise","model":"minilm@1"}}}}"#;
    let Ok(Event::Upsert(read)) = decode(record) else { panic!("a mention") };
    let scores = read.scores.clone().expect("scores");
    assert_eq!((scores.hostility, scores.irony, scores.themes.len()), (None, None, 0));
    assert_eq!(Mention { scores: None, ..*read }, mention());
}

/// Field by field, as records of the log keep them for ever.
#[test]
fn imported_rows_are_written_as_they_were() {
    let campaign =
        br#"{"v":3,"event":{"campaign":{"platform":"google_ads","account":"7","campaign":"42","name":"Spring",
        "from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z","currency":"EUR","observed_at":"2026-03-03T00:00:00Z",
        "spend":"12.5","impressions":1000,"clicks":20,"conversions":"1.33"}}}"#;
    let Event::Campaign(row) = decode(campaign).unwrap() else { panic!("a campaign") };
    assert_eq!((row.figures.spend, row.figures.clicks), (Some(Amount::from_micros(12_500_000)), Some(20)));
    assert_eq!((row.part.as_str(), row.brand.as_str(), row.figures.conversion_value), ("", "", None));
    let survey = br#"{"v":3,"event":{"survey":{"platform":"typeform","id":"r1","answered_at":"2026-03-01T00:00:00Z",
        "scale":"nps","score":9.0,"comment":"quick","observed_at":"2026-03-03T00:00:00Z"}}}"#;
    let Event::Survey(row) = decode(survey).unwrap() else { panic!("a survey response") };
    assert_eq!((row.scale, row.score, row.comment.as_str()), (Scale::Nps, Some(9.0), "quick"));
    for record in [&campaign[..], &survey[..]] {
        let event = decode(record).unwrap();
        assert_eq!(decode(&encode(&event)).unwrap(), event);
    }
}

#[test]
fn an_unknown_field_of_the_same_version_does_no_harm() {
    let mut record: Value = serde_json::from_slice(&encode(&Event::Upsert(Box::new(mention())))).unwrap();
    record["event"]["upsert"]["added_later"] = true.into();
    assert_eq!(decode(record.to_string().as_bytes()).unwrap(), Event::Upsert(Box::new(mention())));
}

#[test]
fn the_version_may_stand_behind_the_event() {
    let record = String::from_utf8(encode(&Event::Upsert(Box::new(mention())))).unwrap();
    let event = record.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix('}')).expect("as it is written");
    let turned = format!(r#" {{ "event": {event}, "v": 2 }}"#);
    assert_eq!(decode(turned.as_bytes()).unwrap(), Event::Upsert(Box::new(mention())));
}

proptest! {
    #[test]
    fn any_event_is_read_back_as_it_was(event in event()) {
        let record = encode(&event);
        prop_assert_eq!(as_written(&record), Some(event.clone()), "in one pass");
        prop_assert_eq!(decode_any(&record).unwrap(), event, "in two passes");
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_damaged_record_is_refused_or_read_but_never_panics(event in event(), at: usize, with: u8, cut: usize) {
        let mut record = encode(&event);
        let at = at % record.len();
        record[at] = with;
        record.truncate(cut % (record.len() * 2));
        let _ = decode(&record);
    }
}

fn card() -> impl Strategy<Value = ModelCard> {
    let counts = proptest::array::uniform3(proptest::array::uniform3(any::<u32>()));
    let confusion = (any::<String>(), any::<String>(), any::<u32>(), counts)
        .prop_map(|(language, set, n, counts)| Confusion { language, set, n, counts });
    (any::<String>(), time(), vec(any::<String>(), 0..3), vec(confusion, 0..3))
        .prop_map(|(id, observed_at, languages, confusions)| ModelCard { id, observed_at, languages, confusions })
}

fn event() -> impl Strategy<Value = Event> {
    let text = any::<String>;
    prop_oneof![
        4 => any_mention().prop_map(|mention| Event::Upsert(Box::new(mention))),
        1 => (key(), time()).prop_map(|(key, observed_at)| Event::Delete(Deletion { key, observed_at })),
        1 => (text(), text(), text(), time()).prop_map(|(platform, instance, author, observed_at)| {
            Event::AuthorTombstone(AuthorTombstone { platform, instance, author, observed_at })
        }),
        1 => (key(), time(), engagement()).prop_map(|(key, observed_at, engagement)| {
            Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement })
        }),
        1 => (text(), text(), time(), any::<u64>()).prop_map(|(platform, account, observed_at, followers)| {
            Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at, followers })
        }),
        1 => campaign().prop_map(|row| Event::Campaign(Box::new(row))),
        1 => survey().prop_map(|row| Event::Survey(Box::new(row))),
        1 => (text(), time(), time(), text())
            .prop_map(|(source, from, to, reason)| Event::Gap(Gap { source, from, to, reason })),
        1 => (text(), time(), time(), share(), text())
            .prop_map(|(source, from, to, rate, reason)| Event::Sampled(Sampled { source, from, to, rate, reason })),
        1 => (text(), time(), time(), any::<bool>(), option::of(time())).prop_map(
            |(source, complete_through, observed_at, caught_up, closes)| {
                Event::Heartbeat(Heartbeat { source, complete_through, observed_at, caught_up, closes })
            }
        ),
        1 => health().prop_map(|health| Event::SourceHealth(Box::new(health))),
        1 => card().prop_map(|card| Event::ModelCard(Box::new(card))),
        1 => (key(), any_mention()).prop_map(|(key, Mention { observed_at, scores, .. })| {
            Event::Rescored(Box::new(Rescored { key, observed_at, scores }))
        }),
    ]
}

fn health() -> impl Strategy<Value = SourceHealth> {
    let counts = (any::<[u64; 3]>(), proptest::collection::btree_map(any::<String>(), any::<u64>(), 0..3));
    let texts = (any::<[String; 3]>(), option::of(any::<String>()));
    let times = (time(), time(), option::of(time()), option::of(time()));
    (texts, times, counts, usage()).prop_map(|(([source, kind, state], message), times, (counts, errors), usage)| {
        let (observed_at, since, complete_through, last_success) = times;
        let [requests, records, rejected] = counts;
        let said = SourceHealth { source, kind, state, message, errors, usage, ..SourceHealth::default() };
        let said = SourceHealth { observed_at, since, complete_through, last_success, ..said };
        SourceHealth { requests, records, rejected, ..said }
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    let quota = (any::<String>(), any::<u64>(), any::<u64>());
    let quota = quota.prop_map(|(what, used, allowed)| QuotaUse { what, used, allowed });
    // Sums that a float holds exactly.
    let spend = (any::<u64>(), any::<u16>(), any::<u16>()).prop_map(|(records, spent, cap)| SpendUse {
        records,
        spent: f64::from(spent) / 8.0,
        cap: f64::from(cap) / 8.0,
        share: 0.5,
    });
    (any::<u64>(), vec(quota, 0..3), option::of(spend)).prop_map(|(requests, quota, spend)| Usage {
        requests,
        quota,
        spend,
    })
}

fn campaign() -> impl Strategy<Value = Campaign> {
    (any::<[String; 7]>(), [time(), time(), time()], figures()).prop_map(|(texts, [from, to, observed_at], figures)| {
        let [platform, account, campaign, name, part, brand, currency] = texts;
        Campaign { platform, account, campaign, name, part, brand, from, to, currency, observed_at, figures }
    })
}

fn figures() -> impl Strategy<Value = CampaignFigures> {
    let amount = || option::of((-i64::MAX..=i64::MAX).prop_map(Amount::from_micros));
    ([amount(), amount(), amount()], any::<[Option<u64>; 2]>()).prop_map(
        |([spend, conversions, conversion_value], [impressions, clicks])| CampaignFigures {
            spend,
            impressions,
            clicks,
            conversions,
            conversion_value,
        },
    )
}

fn survey() -> impl Strategy<Value = Survey> {
    let times = (option::of(time()), time(), time());
    (any::<[String; 6]>(), times, select(&Scale::ALL), option::of(0.0..=10.0_f32)).prop_map(
        |(texts, (asked_at, answered_at, observed_at), scale, score)| {
            let [platform, id, survey, brand, comment, respondent] = texts;
            Survey {
                platform,
                id,
                survey,
                brand,
                asked_at,
                answered_at,
                scale,
                score,
                comment,
                respondent,
                observed_at,
            }
        },
    )
}

fn any_mention() -> impl Strategy<Value = Mention> {
    let texts = || (any::<Option<String>>(), any::<Option<String>>(), any::<Option<String>>());
    let lists = || (names(), names(), names());
    (
        (key(), author(), time(), time(), any::<String>(), select(&Kind::ALL)),
        (texts(), texts(), any::<Option<String>>(), lists()),
        (engagement(), option::of(share()), weight(), option::of(scores())),
        (vec(media(), 0..3), vec(brand(), 0..3), any::<Option<String>>(), any::<Option<u128>>()),
    )
        .prop_map(|(first, (place, thread, raw, lists), (engagement, stars, weight, scores), last)| {
            let (media, brands, detected_language, story) = last;
            let (key, author, created_at, observed_at, text, kind) = first;
            let (space, url, language) = place;
            let (root, parent, parent_author) = thread;
            let (hashtags, handles, links) = lists;
            let said = Mention {
                space,
                url,
                language,
                hashtags,
                handles,
                links,
                ..Mention::new(key, author, created_at, text)
            };
            let said = Mention { kind, observed_at, root, parent, parent_author, raw, ..said };
            let said = Mention { detected_language, story: story.map(MentionId), ..said };
            Mention { engagement, stars, weight, scores, media, brands, ..said }
        })
}

fn key() -> impl Strategy<Value = MentionKey> {
    any::<[String; 3]>().prop_map(|[platform, instance, native_id]| MentionKey { platform, instance, native_id })
}

fn author() -> impl Strategy<Value = Author> {
    let texts = (any::<[String; 2]>(), any::<Option<String>>());
    (texts, any::<Option<u64>>(), any::<[bool; 2]>()).prop_map(
        |(([native_id, handle], name), followers, [is_team, is_bot])| Author {
            native_id,
            handle,
            name,
            followers,
            is_team,
            is_bot,
        },
    )
}

fn engagement() -> impl Strategy<Value = Engagement> {
    any::<[Option<u64>; 6]>().prop_map(|[likes, reposts, replies, quotes, bookmarks, impressions]| Engagement {
        likes,
        reposts,
        replies,
        quotes,
        bookmarks,
        impressions,
    })
}

fn scores() -> impl Strategy<Value = Scores> {
    let shares = (share(), share(), share(), share());
    let heads = (option::of(share()), option::of(share()), vec(theme(), 0..3));
    (shares, select(&Polarity::ALL), select(&Intent::ALL), heads, any::<String>()).prop_map(
        |((negative, neutral, positive, confidence), polarity, intent, (hostility, irony, themes), model)| Scores {
            negative,
            neutral,
            positive,
            polarity,
            confidence,
            intent,
            hostility,
            irony,
            themes,
            model,
        },
    )
}

fn theme() -> impl Strategy<Value = ThemeScore> {
    (any::<String>(), share(), any::<bool>()).prop_map(|(theme, probability, rule)| ThemeScore {
        theme,
        probability,
        rule,
    })
}

fn media() -> impl Strategy<Value = Media> {
    any::<[String; 2]>().prop_map(|[kind, url]| Media { kind, url })
}

fn brand() -> impl Strategy<Value = BrandMatch> {
    (any::<[String; 2]>(), any::<[bool; 2]>()).prop_map(|([brand, monitor], [team, owned_space])| BrandMatch {
        brand,
        monitor,
        team,
        owned_space,
    })
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), 0..3)
}

fn weight() -> impl Strategy<Value = f32> {
    prop_oneof![Just(1.0_f32), 1.0..=1000.0_f32]
}

fn share() -> impl Strategy<Value = f32> {
    0.0..=1.0_f32
}

/// Any time that can be written, to the nanosecond.
fn time() -> impl Strategy<Value = Timestamp> {
    let seconds = Timestamp::MIN.as_second() + 1..Timestamp::MAX.as_second();
    (seconds, 0..1_000_000_000_i32).prop_map(|(seconds, nanos)| Timestamp::new(seconds, nanos).expect("in range"))
}

fn select<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}
