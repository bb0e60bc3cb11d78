use grapevine_store::search::Order;

use crate::fake::{Api, time};

#[tokio::test]
async fn a_search_says_what_it_found_where_and_how_far_it_looked() {
    let api = Api::new();
    insta::assert_json_snapshot!(api.get("/api/v1/search?q=good&brand=Grove&polarity=positive,unscored").await.json());
    let searched = api.store.searched.lock().unwrap().clone().unwrap();
    assert_eq!(searched.query.unwrap().to_string(), "good");
    assert_eq!((searched.to, searched.from), (time("2026-03-08T12:00:00Z"), time("2026-02-06T12:00:00Z")));
    assert_eq!((searched.filters.polarities.len(), searched.limit, searched.order), (2, 50, Order::NewestFirst));
}

#[tokio::test]
async fn a_search_that_requires_nothing_is_taken_and_is_no_monitor() {
    let api = Api::new();
    assert_eq!(api.get("/api/v1/search?q=-good").await.json()["as_monitor"], serde_json::Value::Null);
    assert_eq!(api.get("/api/v1/search?order=first").await.status, 400);
    api.get("/api/v1/search?order=oldest").await;
    let searched = api.store.searched.lock().unwrap().clone().unwrap();
    assert_eq!((searched.query, searched.order), (None, Order::OldestFirst));
}

#[tokio::test]
async fn a_query_that_can_not_be_read_says_where() {
    let api = Api::new();
    insta::assert_json_snapshot!(api.get("/api/v1/search?q=acme%20(phone").await.json());
    insta::assert_json_snapshot!(api.get("/api/v1/search?kind=story").await.json());
    insta::assert_json_snapshot!(api.get("/api/v1/search?after=never").await.json());
}
