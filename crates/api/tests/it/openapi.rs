use std::collections::BTreeSet;

use serde_json::Value;

use crate::fake::Api;

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_document_lists_every_route() {
    let document = Api::new().get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let listed: Vec<String> = paths
        .iter()
        .map(|(path, item)| format!("{path} {}", keys(item).into_iter().collect::<Vec<_>>().join(" ")))
        .collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[tokio::test]
async fn the_schemas_of_other_crates_types_are_what_is_sent() {
    let api = Api::new();
    let document = api.get("/api/v1/openapi.json").await.json();
    let described = |name: &str| keys(&document["components"]["schemas"][name]["properties"]);
    let table = api.get("/api/v1/metrics/net_sentiment?brand=Grove").await.json();
    assert_eq!(described("MetricTable"), keys(&table));
    assert_eq!(described("MetricInfo"), keys(&table["metric"]));
    assert_eq!(described("Column"), keys(&table["columns"][0]));
    assert_eq!(described("Coverage"), keys(&table["coverage"]));
    assert_eq!(described("Gap"), keys(&table["coverage"]["gaps"][0]));
    assert_eq!(described("ModelNote"), keys(&table["model"]));
    let corrected = api.get("/api/v1/metrics/net_sentiment_corrected?brand=Grove").await.json();
    let correction = &corrected["correction"];
    assert_eq!(described("Correction"), keys(correction));
    assert_eq!(described("Measured"), keys(&correction["measured"][0]));
    assert_eq!(described("LeftOut"), keys(&correction["left_out"][0]));
    let reports = api.get("/api/v1/sources").await.json();
    assert_eq!(described("SourceReport"), keys(&reports[0]));
    assert_eq!(described("QuotaUse"), keys(&reports[0]["quota"][0]));
    assert_eq!(described("SpendUse"), keys(&reports[0]["spend"]));
    assert_eq!(described("Episode"), keys(&api.get("/api/v1/alerts").await.json()[0]));
    let found = api.get("/api/v1/search").await.json();
    assert_eq!(described("SearchPage"), keys(&found));
    assert_eq!(described("RemovedSpan"), keys(&found["removed"][0]));
    assert_eq!(described("LiveMention"), keys(&api.get("/api/v1/mentions").await.json()["mentions"][0]));
}
