use std::collections::BTreeSet;

use grapevine_store::registry;

use crate::fake::{Api, request};

#[test]
fn every_column_that_the_page_reads_stands_in_the_registry() {
    let source = include_str!("../../ui/src/api/columns.ts");
    let read: BTreeSet<&str> = ["row, \"", "table, \""]
        .into_iter()
        .flat_map(|call| source.split(call).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(read.len() > 20, "the page's file is read by its calls: {read:?}");
    let columns = registry::all().iter().flat_map(|metric| metric.shapes).flat_map(|shape| shape.columns);
    let known: BTreeSet<&str> = columns.map(|column| column.name).chain(["time"]).collect();
    assert_eq!(read.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "unknown to the registry");
}

#[tokio::test]
async fn the_page_names_only_its_own_files_and_holds_no_inline_code() {
    let api = Api::new();
    let page = api.send(request("GET", "/")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "nothing is fetched from elsewhere");
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onload="));
    for script in html.split("<script").skip(1) {
        assert!(script.contains("src=\"") && script.contains("></script>"), "inline script: {script}");
    }
}

#[tokio::test]
async fn files_of_the_page_are_kept_for_ever_and_sent_small() {
    let api = Api::new();
    let html = String::from_utf8(api.send(request("GET", "/")).await.body).unwrap();
    let path = html.split("src=\".").nth(1).unwrap().split('"').next().unwrap();
    let plain = api.send(request("GET", path)).await;
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(plain.header("content-type").starts_with("text/javascript"));
    let small = api.send(request("GET", path).header("accept-encoding", "gzip")).await;
    assert_eq!(small.header("content-encoding"), "gzip");
    assert!(small.body.len() * 2 < plain.body.len());
    let again = api.send(request("GET", path).header("if-none-match", plain.header("etag"))).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let api = Api::new();
    for path in ["/../Cargo.toml", "/assets/../../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/"] {
        assert_eq!(api.send(request("GET", path)).await.code(), "404 not_found", "{path}");
    }
}
