-- Mentions number {first} to {last} of {total}, spread over {days} days before {end} (seconds), oldest first. A number gives
-- everything by hashing, so that a part of the world can be made again.
INSERT INTO mentions (brand, id, platform, instance, native_id, kind, space, url, author, author_handle, author_name,
    author_followers, author_bot, team, created_at, observed_at, text, language, hashtags, handles, links, media_kinds,
    media_urls, thread_id, parent_id, parent_author, likes, reposts, replies, quotes, bookmarks, impressions, monitor,
    owned_space, polarity, negative, neutral, positive, confidence, intent, model, version, deleted, first, partition,
    offset, log, themes, theme_probabilities, theme_rules, story)
WITH
    x -> bitOr(bitShiftLeft(toUInt128(cityHash64(x, 1)), 64), toUInt128(cityHash64(x, 2))) AS id_of,
    x -> cityHash64(x, 3) % 100 < 25 AS is_reply,
    -- A reply answers a mention of the same brand: brands go by the remainder.
    x -> toUInt64(1009 * (1 + cityHash64(x, 4) % 4)) AS back,
    x -> cityHash64(x) / 18446744073709551615. AS share,
    -- Brands, authors, hashtags and words are drawn with the frequencies of life: few make most.
    arrayCumSum(arrayMap(k -> 1 / k, range(1, 21))) AS steps,
    ['bluesky', 'mastodon', 'reddit', 'youtube', 'appstore', 'discourse'] AS platforms,
    ['en', 'en', 'en', 'en', 'en', 'es', 'es', 'de', 'fr', 'pt', 'it', 'ja', ''] AS languages,
    ['price', 'support', 'delivery', 'quality', 'app', 'privacy', 'outage', 'design', 'account', 'return', 'jobs', 'news']
        AS subjects,
    ['ka', 'lo', 'mi', 'ter', 'ves', 'on', 'ri', 'da', 'sel', 'pu', 'nor', 'et', 'gra', 'fi', 'zum', 'a'] AS syllables,
    arrayMap(k -> arrayStringConcat(arrayMap(j -> syllables[1 + cityHash64(k, j, 5) % 16], range(1 + cityHash64(k, 6) % 4))),
        range(8192)) AS words,
    fromUnixTimestamp64Milli({end:Int64} * 1000 - {days:Int64} * 86400000, 'UTC') AS start
SELECT
    concat('brand-', leftPad(toString(arrayFirstIndex(step -> step >= share((n % 1009, 7)) * steps[-1], steps)), 2, '0')),
    id_of(n), platforms[place] AS platform, concat(platform, '.example'), toString(cityHash64(n, 8)),
    multiIf(is_reply(n) AND n >= 5000, 'reply', cityHash64(n, 9) % 100 < 15, 'repost', cityHash64(n, 9) % 100 < 20, 'quote', 'post'),
    if(place IN (3, 6), concat('space-', toString(cityHash64(n, 10) % 40)), ''),
    concat('https://', platform, '.example/p/', toString(cityHash64(n, 8))),
    concat('u', hex(cityHash64(who, 11))), concat('user', toString(who)), concat('Name ', toString(who)),
    if(place = 5, NULL, toUInt64(exp(share((who, 12)) * 12) + n / {total:UInt64} * 50)), cityHash64(who, 13) % 50 = 0,
    cityHash64(who, 14) % 400 = 0,
    start + toIntervalMillisecond(toInt64(n * ({days:Int64} * 86400000. / {total:UInt64}))) AS created,
    created + toIntervalMicrosecond(cityHash64(n, 15) % 90000000) AS observed,
    arrayStringConcat(arrayMap(j -> words[1 + toUInt64(pow(share((n, j, 16)), 3) * 8191)], range(4 + cityHash64(n, 17) % 19)), ' '),
    languages[1 + cityHash64(n, 18) % 13],
    arrayMap(j -> concat('tag', toString(toUInt64(pow(share((n, j, 19)), 4) * 5000))), range(greatest(cityHash64(n, 20) % 10, 7) - 7)),
    if(cityHash64(n, 21) % 8 = 0, [concat('user', toString(cityHash64(n, 22) % 5000))], []),
    if(cityHash64(n, 23) % 7 = 0, [concat('https://news.example/', toString(cityHash64(n, 24) % 1000000))], []),
    if(cityHash64(n, 25) % 6 = 0, ['image'], []),
    if(cityHash64(n, 25) % 6 = 0, [concat('https://media.example/', hex(cityHash64(n, 26)))], []),
    multiIf(NOT is_reply(n) OR n < 5000, id_of(n), is_reply(toUInt64(n - back(n))), id_of(n - back(n) - back(toUInt64(n - back(n)))), id_of(n - back(n))),
    if(is_reply(n) AND n >= 5000, id_of(n - back(n)), 0), '',
    if(place = 5, NULL, toUInt64(exp(share((n, 27)) * 7) - 1)), if(place = 5, NULL, toUInt64(exp(share((n, 28)) * 4) - 1)),
    if(place = 5, NULL, toUInt64(exp(share((n, 29)) * 3) - 1)), if(place != 1, NULL, cityHash64(n, 30) % 3), NULL,
    if(place = 4, toUInt64(exp(share((n, 27)) * 11)), NULL), 'name', place = 6,
    multiIf(cityHash64(n, 31) % 100 < 3, 'unscored', cityHash64(n, 31) % 100 < 25, 'negative', cityHash64(n, 31) % 100 < 70, 'neutral', 'positive')
        AS side,
    -- The model's probabilities have the digits of an int8 model: few.
    if(side = 'unscored', NULL, round(share((n, 32)), 3)), if(side = 'unscored', NULL, round(share((n, 33)), 3)),
    if(side = 'unscored', NULL, round(share((n, 34)), 3)), if(side = 'unscored', NULL, round(share((n, 35)), 3)),
    multiIf(side = 'unscored', 'none', cityHash64(n, 36) % 100 < 8, 'question', cityHash64(n, 36) % 100 < 15, 'complaint',
        cityHash64(n, 36) % 100 < 20, 'praise', 'none'),
    if(side = 'unscored', '', 'bench@1'), 2 * toUInt64(toUnixTimestamp64Micro(observed)), 0, true, n % 3, intDiv(n, 3), 'bench',
    if(side != 'unscored' AND cityHash64(n, 37) % 3 = 0, [subjects[1 + cityHash64(n, 38) % 12]], []),
    if(side != 'unscored' AND cityHash64(n, 37) % 3 = 0, [round(share((n, 39)), 3)], []),
    if(side != 'unscored' AND cityHash64(n, 37) % 3 = 0, [cityHash64(n, 40) % 4 = 0], []),
    if(n >= 5000 AND cityHash64(n, 41) % 5 = 0, id_of(n - back(n)), id_of(n))
FROM (
    SELECT number AS n, 1 + toUInt8(pow(cityHash64(n, 42) / 18446744073709551615., 1.6) * 5.9999) AS place,
        toUInt64(pow(cityHash64(n, 43) / 18446744073709551615., 3) * {total:UInt64} / 4) AS who
    FROM numbers({first:UInt64}, {last:UInt64} - {first:UInt64} + 1))
