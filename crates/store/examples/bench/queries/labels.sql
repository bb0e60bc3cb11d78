-- A person corrected 300 mentions of every brand of an odd number, spread over the year.
INSERT INTO labels (brand, id, field, value, by, at, before, model, version, settled)
SELECT brand, id, field, if(field = 'polarity', 'negative', 'no'), 'ada', observed_at + INTERVAL 1 DAY AS said,
    if(field = 'polarity', toString(polarity), 'yes'), model, 2 * toUInt64(toUnixTimestamp64Micro(said)), true
FROM (SELECT *, if(cityHash64(id, 2) % 10 = 0, 'relevance', 'polarity') AS field FROM mentions
    WHERE first AND toUInt8(substring(brand, 7)) % 2 = 1 AND cityHash64(id, 3) % greatest(1, intDiv({total:UInt64}, 20000)) = 0
    LIMIT 300 BY brand)
