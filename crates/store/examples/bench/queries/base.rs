//! The figures of the rollups, asked of the base table alone.

use std::error::Error;
use std::time::Instant;

use grapevine_store::{By, MetricQuery};

use super::Place;
use super::panels::quantile;

const ROUNDS: usize = 3;
const SPAN: &str = "created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')";

/// The p50 in milliseconds; `None` for a figure that comes from the base table anyway.
pub async fn ask(place: &Place, query: &MetricQuery) -> Result<Option<f64>, Box<dyn Error>> {
    let Some(figures) = figures(&query.metric) else { return Ok(None) };
    let step = if query.by == Some(By::Hour) { 3600 } else { 86_400 };
    let key = query.by.map_or("0".to_owned(), |_| format!("intDiv(toUnixTimestamp(created_at), {step})"));
    let brand = if query.metric == "share_of_voice" { "1" } else { "brand = {brand:String}" };
    let sql = format!(
        "SELECT {key} AS key, {figures} FROM mentions FINAL WHERE {brand} AND {SPAN} GROUP BY key ORDER BY key"
    );
    let mut times = vec![];
    for _ in 0..ROUNDS {
        let asked = place.client.query(&sql).param("brand", &query.brand).param("from", query.from.as_millisecond());
        let asked = asked.param("to", query.to.as_millisecond()).with_setting("max_execution_time", "120");
        let began = Instant::now();
        let mut answer = asked.fetch_bytes("JSONCompactEachRow")?;
        let _ = answer.collect().await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Some(quantile(&mut times, 0.5)))
}

fn figures(metric: &str) -> Option<&'static str> {
    match metric {
        "mention_volume" => Some("count(), countIf(kind != 'repost'), uniqCombined64(14)(author_key)"),
        "share_of_voice" => Some("countIf(brand = {brand:String}), count()"),
        "net_sentiment" => Some(
            "countIf(polarity = 'negative'), countIf(polarity = 'neutral'), countIf(polarity = 'positive'), \
            countIf(polarity = 'unscored')",
        ),
        "net_sentiment_corrected" => Some("sumMap(map(concat(model, ' ', language, ' ', toString(polarity)), 1))"),
        _ => None,
    }
}
