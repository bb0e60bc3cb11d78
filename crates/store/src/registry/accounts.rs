//! Followers of the accounts that the configuration names, by what sources counted of them.

use super::{By, LookBack, Metric, Role, Shape, column};

pub(super) static METRICS: &[Metric] = &[Metric {
    id: "follower_growth",
    title: "Follower growth",
    definition: "Followers of the accounts of the brand and of the brands that it is compared with: the newest count of the \
        span, and its change since the newest count of the seven days before the span, else since the first one in it, at the \
        times that are shown beside it. Accounts are those that the configuration names for each brand. Over time: the \
        followers of all of the brand's own accounts, each as counted last, at most seven days before; empty where one of them \
        was not.",
    formula: "change = newest - first; growth = change / first x 100; per_day = change / days between the two counts",
    unit: "followers",
    denominator: "growth: the first of the two counts",
    version: 1,
    source: "account snapshots",
    roles: &[Role::Awareness],
    partial_when: "no account of the brand is configured, or no source counts it or brings its counts; an account was counted once only: \
        its change is then empty",
    scored: false,
    looks_back: LookBack::Nothing,
    buckets: false,
    shapes: &[
        Shape {
            by: &[],
            columns: &[
                column("brand", "text"),
                column("platform", "text"),
                column("account", "text"),
                column("followers", "followers"),
                column("change", "followers"),
                column("growth", "%"),
                column("per_day", "followers"),
                column("measured_from", "time"),
                column("measured_to", "time"),
            ],
            sql: "SELECT owner, platform, name, newest, if(until > since, toInt64(newest) - toInt64(first), NULL) AS change, \
                    change / first * 100, \
                    change / ((toUnixTimestamp64Micro(until) - toUnixTimestamp64Micro(since)) / 86400000000), since, until \
                FROM (SELECT owner, platform, name, argMax(followers, observed_at) AS newest, max(observed_at) AS until, \
                    countIf(observed_at <= $from) > 0 AS was_counted, \
                    if(was_counted, argMaxIf(followers, observed_at, observed_at <= $from), argMin(followers, observed_at)) \
                        AS first, \
                    if(was_counted, maxIf(observed_at, observed_at <= $from), min(observed_at)) AS since \
                    FROM $counted WHERE empty({among:Array(String)}) OR owner IN {among:Array(String)} \
                        OR owner = {brand:String} GROUP BY owner, platform, name) \
                ORDER BY owner = {brand:String} DESC, owner, newest DESC, platform, name LIMIT {limit:UInt32}",
        },
        Shape {
            by: &[By::Time, By::Day],
            columns: &[column("followers", "followers"), column("accounts", "accounts")],
            sql: "SELECT key, if(count(known) = count(), sum(known), NULL), count(known) FROM (\
                SELECT toUInt32(arrayJoin(range(toUInt32(intDiv({from:Int64}, 86400000) * 86400), \
                        toUInt32(intDiv({to:Int64} + 999, 1000)), 86400))) AS key, \
                    arrayLast(pair -> pair.1 < (toInt64(key) + 86400) * 1000 AND pair.1 < {to:Int64} \
                        AND pair.1 >= (toInt64(key) - 518400) * 1000, counts) AS last, \
                    if(last.1 = 0, NULL, last.2) AS known \
                FROM (SELECT arraySort(groupArray((toUnixTimestamp64Milli(observed_at), followers))) AS counts \
                    FROM $counted WHERE owner = {brand:String} GROUP BY platform, name)) GROUP BY key ORDER BY key",
        },
    ],
}];
