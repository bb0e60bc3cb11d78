//! Who asks to be forgotten is in no row of any table, in no version, and the figures follow.

use std::collections::BTreeSet;

use clickhouse::Row;
use grapevine_model::{
    Author, Correction, Engagement, EngagementSnapshot, Event, Kind, LabelRecord, Mention, MentionKey, Polarity,
    forgotten::Account,
};
use serde::Deserialize;

use crate::{
    labels::label,
    world::{World, day, post, upsert, world},
};

const NAME: &str = "indiscreet";

fn by(name: &str, id: &str, time: &str) -> Mention {
    let author = Author { native_id: format!("id-{name}"), handle: name.into(), ..Author::default() };
    Mention { author, text: format!("acme, says {name}"), ..post(id, day(time)) }
}

fn account(name: &str) -> Account {
    Account { platform: "forum".into(), instance: by("x", "1", "10:00:00").key.instance, name: name.into() }
}

fn snapshot(mention: &Mention) -> Event {
    let (key, observed_at) = (mention.key.clone(), day("12:00:00"));
    Event::EngagementSnapshot(EngagementSnapshot {
        key,
        observed_at,
        engagement: Engagement { likes: Some(9), ..Default::default() },
    })
}

#[derive(Row, Deserialize)]
struct Place {
    table: String,
    column: String,
}

/// Columns of any table whose rows, in any version, hold the words.
async fn traces(world: &World, words: &str) -> Vec<String> {
    let sql = "SELECT table, name AS column FROM system.columns WHERE database = currentDatabase()
        AND type LIKE '%String%' AND default_kind != 'ALIAS' AND table NOT LIKE '.inner%'";
    let mut found = vec![];
    for Place { table, column } in world.client().query(sql).fetch_all::<Place>().await.unwrap() {
        let sql =
            format!("SELECT count() FROM `{table}` WHERE positionCaseInsensitive(toString(`{column}`), '{words}') > 0");
        if world.client().query(&sql).fetch_one::<u64>().await.unwrap() > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    found
}

async fn forget(world: &World) -> u64 {
    let accounts = [account(NAME), account(&format!("id-{NAME}"))];
    let mentions = world.store.to_forget(&accounts, &[]).await.unwrap();
    let hours = world.store.hours_of_mentions(&mentions).await.unwrap();
    world.store.forget(&accounts, &mentions, &hours).await.unwrap();
    world.store.mend_hours(&hours).await.unwrap();
    mentions.len() as u64
}

#[tokio::test]
async fn nothing_of_a_forgotten_account_is_left_in_any_table_and_figures_follow() {
    let world = world().await;
    let theirs = [by(NAME, "1", "10:00:00"), by(NAME, "2", "11:00:00")];
    let answer = Mention {
        kind: Kind::Reply,
        parent_author: Some(format!("id-{NAME}")),
        parent: Some("1".into()),
        ..by("bo", "3", "10:30:00")
    };
    let repost = Mention {
        kind: Kind::Repost,
        parent: Some("2".into()),
        text: theirs[1].text.clone(),
        ..by("cy", "4", "11:30:00")
    };
    let _ = world.insert_mentions(&[theirs[0].clone(), theirs[1].clone(), answer.clone(), repost]).await;
    let mut edited = theirs[0].clone();
    edited.observed_at += jiff::SignedDuration::from_mins(5);
    let _ = world.insert(vec![upsert(&edited), snapshot(&theirs[0]), snapshot(&answer)]).await;
    let given = label(&theirs[0], Correction::Polarity(Polarity::Negative), day("13:00:00"));
    let _ = world.store.apply_labels(&[LabelRecord::Label(given)]).await.unwrap();
    let held = traces(&world, NAME).await;
    assert!(
        ["mentions.text", "mentions.author", "mentions.parent_author"].iter().all(|at| held.iter().any(|of| of == at)),
        "{held:?}"
    );
    let ids: BTreeSet<_> = theirs.iter().map(Mention::id).collect();
    let counted = world.store.count_to_forget(&[account(&format!("id-{NAME}"))], &ids).await.unwrap();
    let count = |place: &str| counted.get(place).copied().unwrap_or_default();
    assert_eq!(
        (count("engagement"), count("labels"), count("answers that named the account")),
        (1, 2, 1),
        "{counted:?}"
    );

    assert_eq!(forget(&world).await, 3, "two posts and the repost of one");
    assert_eq!(traces(&world, NAME).await, Vec::<String>::new());
    let left = |sql: &'static str| world.client().query(sql).fetch_one::<u64>();
    assert_eq!(left("SELECT count() FROM mentions").await.unwrap(), 1);
    assert_eq!(left("SELECT count() FROM engagement").await.unwrap(), 1, "the answer's");
    assert_eq!(left("SELECT count() FROM engagement_by_hour").await.unwrap(), 1, "the answer's");
    assert_eq!(left("SELECT count() FROM labels").await.unwrap(), 0);
    assert_eq!(left("SELECT sum(mentions) FROM rollup_5m").await.unwrap(), 1);
    world.assert_rollups_agree().await;
    assert!(world.store.old_parts().await.unwrap().is_some(), "what was rewritten is on disk for some minutes");
    assert_eq!(forget(&world).await, 0, "repeated, it does nothing");
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn an_account_is_found_by_its_handle_and_a_mention_by_its_address() {
    let world = world().await;
    let mention = by(NAME, "1", "10:00:00");
    let _ = world.insert_mentions(&[mention.clone(), by("bo", "2", "10:00:00")]).await;
    let found = world.store.authors_named(&[account("INDISCREET")]).await.unwrap();
    let author = format!("id-{NAME}");
    assert_eq!(found.iter().map(|one| (&*one.author, &*one.handle)).collect::<Vec<_>>(), [(&*author, NAME)]);
    assert_eq!(world.store.mentions_at(mention.url.as_deref().unwrap()).await.unwrap(), [mention.id()]);
    assert_eq!(MentionKey::new("forum", &mention.key.instance, "1").id(), mention.id());
}
